"""The rows that a site keeps: people, courses, enrolments, group sets, groups and memberships."""

from dataclasses import dataclass, field

STUDENT_TYPES = ("StudentEnrollment", "StudentViewEnrollment")
STAFF_TYPES = ("TeacherEnrollment", "TaEnrollment", "DesignerEnrollment")
MOODLE_STAFF = ("editingteacher", "teacher", "manager")


@dataclass
class Person:
    """Somebody with an account on the site."""

    id: int
    given: str
    family: str
    email: str
    login: str
    lti_id: str
    sis_id: str | None = None
    admin: bool = False
    suspended: bool = False
    department: str = ""
    institution: str = ""

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}".strip()

    @property
    def sortable(self) -> str:
        return f"{self.family}, {self.given}" if self.family and self.given else self.name


@dataclass
class Course:
    """A course; ``lti_id`` is its context id in launches."""

    id: int
    code: str
    title: str
    lti_id: str
    sis_id: str | None = None
    # The courses that it is a copy of, the latest first.
    history: list[int] = field(default_factory=list)
    concluded: bool = False


@dataclass
class PlacedLink:
    """A link of the tool in a course: a module item of Canvas, an activity of Moodle."""

    id: int
    course: int
    title: str
    url: str
    text: str = ""
    custom: dict[str, str] = field(default_factory=dict)


@dataclass
class Section:
    """A section of a Canvas course."""

    id: int
    course: int
    name: str


@dataclass
class Enrolment:
    """A person in a course: ``kind`` is Canvas's enrollment type or Moodle's role short name."""

    id: int
    course: int
    user: int
    kind: str
    state: str = "active"
    section: int | None = None
    role: str | None = None
    limited: bool = False


@dataclass
class GroupSet:
    """A group category of Canvas, a grouping of Moodle."""

    id: int
    course: int
    name: str
    created: str
    role: str | None = None
    self_signup: str | None = None
    auto_leader: str | None = None
    group_limit: int | None = None
    deleted: bool = False
    description: str = ""
    idnumber: str = ""
    is_tag: bool = False  # Canvas's differentiation tags: sets that are not for working together


@dataclass
class Group:
    """A group; on Canvas ``sets`` holds exactly one id, on Moodle any number."""

    id: int
    course: int
    name: str
    created: str
    sets: list[int] = field(default_factory=list)
    description: str | None = ""
    deleted: bool = False
    max_membership: int | None = None
    leader: int | None = None
    join_level: str = "invitation_only"
    is_public: bool = False
    idnumber: str = ""
    visibility: int = 0
    participation: bool = True
    has_submission: bool = False


@dataclass
class Membership:
    """A person in a group; ``component`` names the Moodle plugin that owns the membership."""

    id: int
    group: int
    user: int
    created: str
    moderator: bool = False
    component: str = ""


@dataclass
class Token:
    """An access token that the site handed out."""

    value: str
    client_id: str
    scope: str
    expires: float
    user: int | None = None
    refresh: str | None = None
