"""Forms of placed links: what shall be placed, and what a copied link shall open."""

from wtforms import SelectField, SelectMultipleField, StringField
from wtforms.validators import Length

from lti_tool.domain.groups import NAME_LENGTH
from lti_tool.web.forms import Form, as_uuid


class PlacingForm(Form):
    """The pages to place; what is ticked stays ticked while others are sought."""

    find = StringField("Find by name", [Length(max=NAME_LENGTH, message="name_too_long")])
    chosen = SelectMultipleField("What to place", validate_choice=False)

    @property
    def words(self) -> str:
        """Return what is sought."""
        return (self.find.data or "").strip().casefold()


class ConnectForm(Form):
    """What a link of a copied course opens here."""

    target = SelectField("What the link opens in this course", coerce=as_uuid, validate_choice=False)

    def __init__(self) -> None:
        super().__init__()
        if self.target.process_errors:
            self.target.process_errors = ["link_target_not_found"]
