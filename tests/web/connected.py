"""What tests of connected sets share: a set of the LMS with two groups that may be written, in the store and there."""

from uuid import UUID

from lti_tool.domain.remote import RemoteGroup
from lti_tool.models import Group, db
from tests.web.conftest import PlayedLms, World


def open_labs(world: World, lms: PlayedLms, family: str = "canvas") -> UUID:
    """Make the set Labs with Anna in One and nobody in Two, beside Bela and Cleo without a group."""
    people = {name: world.member(name) for name in ("Anna A", "Bela B", "Cleo C")}
    set_id = world.group_set("Labs", {"One": [people["Anna A"]], "Two": []}, connection=family, lms_group_set_id="s1")
    with world.app.app_context():
        for name, lms_id in (("One", "g1"), ("Two", "g2")):
            db.session.get_one(Group, world.names[name]).lms_group_id = lms_id
        db.session.commit()
    world.allow_writing()
    lms.sets["s1"] = "Labs"
    lms.groups["s1"] = {"g1": RemoteGroup("g1", "One", "", ("u-Anna A",)), "g2": RemoteGroup("g2", "Two")}
    return set_id
