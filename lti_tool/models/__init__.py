"""Rows: SQLAlchemy 2 typed classes with their constraints; no behaviour beyond conversion."""

from lti_tool.models.assignment import Assignment, AssignmentExclusion
from lti_tool.models.course import Course, CourseAccess
from lti_tool.models.database import bare_transaction, db, release, transaction
from lti_tool.models.group import Group, GroupMembership
from lti_tool.models.group_set import GroupSet, GroupSetEntry, LeftOutGroupSet
from lti_tool.models.group_space import GroupDocument, GroupMessage
from lti_tool.models.grouping import Grouping, GroupingMembership
from lti_tool.models.history import HistoryEntry
from lti_tool.models.import_draft import ImportDraft
from lti_tool.models.invite import GroupInvite, InviteUse, JoinRequest
from lti_tool.models.link_target import LinkTarget
from lti_tool.models.lms_change import LmsChange
from lti_tool.models.lms_grant import AskedRight, LmsGrant, OauthClient, OauthState
from lti_tool.models.notice import Notice
from lti_tool.models.placing import PlacingRequest
from lti_tool.models.publication import MirroredGroup, MirroredMembership, Publication
from lti_tool.models.registration import (
    Deployment,
    LaunchRefusal,
    PlatformKeySet,
    Registration,
    RegistrationLink,
    ServiceToken,
    WorkerSign,
)
from lti_tool.models.roster_member import RosterMember, Section, SectionMembership
from lti_tool.models.session import BrowserSession
from lti_tool.models.sync_run import SyncRun
from lti_tool.models.undo_step import UndoStep

__all__ = [
    "AskedRight",
    "Assignment",
    "AssignmentExclusion",
    "BrowserSession",
    "Course",
    "CourseAccess",
    "Deployment",
    "Group",
    "GroupDocument",
    "GroupInvite",
    "GroupMembership",
    "GroupMessage",
    "GroupSet",
    "GroupSetEntry",
    "Grouping",
    "GroupingMembership",
    "HistoryEntry",
    "ImportDraft",
    "InviteUse",
    "JoinRequest",
    "LaunchRefusal",
    "LeftOutGroupSet",
    "LinkTarget",
    "LmsChange",
    "LmsGrant",
    "MirroredGroup",
    "MirroredMembership",
    "Notice",
    "OauthClient",
    "OauthState",
    "PlacingRequest",
    "PlatformKeySet",
    "Publication",
    "Registration",
    "RegistrationLink",
    "RosterMember",
    "Section",
    "SectionMembership",
    "ServiceToken",
    "SyncRun",
    "UndoStep",
    "WorkerSign",
    "bare_transaction",
    "db",
    "release",
    "transaction",
]
