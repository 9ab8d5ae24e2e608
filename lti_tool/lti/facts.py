"""What a verified launch proved, as one frozen value."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from lti_tool.domain.roles import EnrollmentType, enrollment_type, is_administrator, is_test_user
from lti_tool.lti import claims as read
from lti_tool.lti.deep_linking import PlacingSettings
from lti_tool.lti.platform import Platform
from lti_tool.lti.state import LoginState, digest

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
GROUPS_SERVICE = "https://purl.imsglobal.org/spec/lti-gs/claim/groupsservice"
# Where Canvas writes a course's own id: in the address of its people, and in the one to return to.
NRPS_COURSE = re.compile(r"/api/lti/courses/(\d+)/")
RETURN_COURSE = re.compile(r"/courses/(\d+)(?:/|$)")
# A placed link: what it opens stands in its address, and in a parameter where a platform keeps no addresses.
LINK_PATH = re.compile(r"/open/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/?")
LINK_PARAMETER, HISTORY_PARAMETER = "open", "context_history"
# Who lacks one of them could have the tool's token do what Canvas forbids; `manage_groups` is that of old installs.
MANAGES_GROUPS = frozenset({"manage_groups_add", "manage_groups_manage", "manage_groups_delete"})
MANAGED_GROUPS = "manage_groups"
PLACEMENT, NAVIGATION = "https://www.instructure.com/placement", "course_navigation"


@dataclass(frozen=True)
class ContextFacts:
    """The course that was launched from."""

    lti_context_id: str
    title: str
    label: str


@dataclass(frozen=True)
class LaunchFacts:
    """Who launched from where, with which rights; every value checked, bounded and clean."""

    registration_id: UUID
    nonce_hash: str
    lti_user_id: str
    name: str
    email: str | None
    student_number: str | None
    roles: tuple[str, ...]
    enrollment_type: EnrollmentType | None  # None: no role in the course
    is_administrator: bool
    is_test_user: bool
    message_type: str
    lms_deployment_id: str
    context: ContextFacts | None
    resource_link_id: str | None
    memberships_url: str | None
    custom: dict[str, str]
    target_path: str
    locale: str | None
    platform_origins: tuple[str, ...]
    may_manage_groups: bool | None  # None: the LMS did not say, or where a teacher may have written it
    lms_user_id: str | None
    lms_course_id: str | None
    bind_cookie: str = ""  # the login's cookie, now to be deleted
    groups_url: str | None = None  # Course Groups Service 1.0
    group_sets_url: str | None = None
    placing: PlacingSettings | None = None  # it asks for links to place, and opens nothing
    link_id: UUID | None = None  # what a placed link opens: a hint, to be looked up through the course
    copied_from: str | None = None  # context ids, with commas
    of_link: bool = False  # Canvas: a link that somebody placed, whose parameters may be that person's


def gather(
    platform: Platform,
    claims: dict[str, Any],
    state: LoginState,
    *,
    target_path: str,
    placing: PlacingSettings | None = None,
) -> LaunchFacts:
    """Return the facts of a message that was found valid (LTI Core 1.3, 5.3 and 5.4; canvas.md 11.3)."""
    canvas = platform.family == "canvas"
    # A Canvas tool's own parameters; elsewhere a teacher may have typed the same names into a link.
    sent = read.custom(claims.get(f"{CLAIM}custom"))
    custom = sent if canvas else {}
    presentation = read.mapping(claims, f"{CLAIM}launch_presentation")
    roles = tuple(claims[f"{CLAIM}roles"])
    context = _context(claims)
    of_link = canvas and claims.get(PLACEMENT) != NAVIGATION
    groups_service = read.mapping(claims, GROUPS_SERVICE)
    memberships_url = read.web_address(read.mapping(claims, NRPS).get("context_memberships_url"))
    return_url = read.web_address(presentation.get("return_url"))
    return LaunchFacts(
        registration_id=platform.registration_id,
        nonce_hash=digest(state.nonce),
        bind_cookie=state.bind_cookie,
        lti_user_id=claims["sub"],
        name=_name(claims),
        email=read.email(claims.get("email")),
        student_number=read.clean(read.mapping(claims, f"{CLAIM}lis").get("person_sourcedid")) or None,
        roles=roles,
        enrollment_type=enrollment_type(roles),
        is_administrator=is_administrator(roles),
        is_test_user=is_test_user(roles) or custom.get("student_view", "").casefold() == "true",
        message_type=claims[f"{CLAIM}message_type"],
        lms_deployment_id=claims[f"{CLAIM}deployment_id"],
        context=context,
        resource_link_id=read.identifier(read.mapping(claims, f"{CLAIM}resource_link").get("id")),
        memberships_url=memberships_url,
        custom=custom,
        target_path=target_path,
        locale=read.locale(presentation.get("locale")) or read.locale(claims.get("locale")),
        platform_origins=platform.origins(return_url, placing.return_url if placing else None),
        may_manage_groups=_may_manage_groups(custom, of_link=of_link),
        # Moodle's own ids are those of LTI, and of a platform that has LTI services only no others are known.
        lms_user_id=read.identifier(custom.get("canvas_user_id")) if canvas else claims["sub"],
        lms_course_id=_canvas_course_id(custom, memberships_url, return_url)
        if canvas
        else (context.lti_context_id if context else None),
        groups_url=read.web_address(groups_service.get("context_groups_url")),
        group_sets_url=read.web_address(groups_service.get("context_group_sets_url")),
        placing=placing,
        link_id=_link_id(target_path, sent.get(LINK_PARAMETER)),
        copied_from=sent.get(HISTORY_PARAMETER) or None,
        of_link=of_link,
    )


def _link_id(target_path: str, told: str | None) -> UUID | None:
    """Return what a placed link opens, by its address first: Canvas and Moodle keep it."""
    path = urlsplit(target_path).path
    found = LINK_PATH.fullmatch(path) or LINK_PATH.fullmatch(f"/open/{told}" if told else "")
    return UUID(found[1]) if found else None


def _context(claims: dict[str, Any]) -> ContextFacts | None:
    context = read.mapping(claims, f"{CLAIM}context")
    # Canvas calls an account a context too, where the tool stands in an account's navigation; it is no course.
    if not context or context.get("type") == ["Account"]:
        return None
    return ContextFacts(context["id"], read.clean(context.get("title")), read.clean(context.get("label")))


def _name(claims: dict[str, Any]) -> str:
    """Return a name to show; platforms may withhold all of it, and the id itself may be telling."""
    parts = (read.clean(claims.get("given_name")), read.clean(claims.get("family_name")))
    short = hashlib.sha256(claims["sub"].encode()).hexdigest()[:6]
    return read.clean(claims.get("name")) or read.clean(" ".join(filter(None, parts))) or f"User {short}"


def _may_manage_groups(custom: dict[str, str], *, of_link: bool) -> bool | None:
    """Return whether Canvas says that the person has every right to groups; a placed link's yes is no proof."""
    permissions = custom.get("canvas_permissions")
    if permissions is None:
        return None
    held = {permission.strip() for permission in permissions.split(",")}
    has_all = held >= MANAGES_GROUPS or MANAGED_GROUPS in held
    return None if has_all and of_link else has_all


def _canvas_course_id(custom: dict[str, str], memberships_url: str | None, return_url: str | None) -> str | None:
    """Return the id of the course in Canvas's API, by Canvas's own word where there is one.

    A teacher may give a link custom parameters of its own, which win over the tool's: such a link would lead the
    tool's token into another course. The addresses that Canvas writes itself cannot be given.
    """
    for pattern, address in ((NRPS_COURSE, memberships_url), (RETURN_COURSE, return_url)):
        if address and (told := pattern.search(urlsplit(address).path)):
            return told[1]
    return read.identifier(custom.get("canvas_course_id"))
