"""The way of the seeds, for comparison: one call for each set, each group and each list of members."""

from lti_tool.lms.canvas import CanvasGateway
from lti_tool.services.gateways import open_gateway

STATES = ["enrollments", "email"]


def pull(tool, course_id):
    """Fetch a course as the seeds' sync did and return how many calls that took."""
    gateway = open_gateway(tool, course_id)
    client, lms_course_id = gateway.client, gateway._course_id
    if isinstance(gateway, CanvasGateway):
        client.get_users(lms_course_id, STATES)
        for category in client.get_group_categories(lms_course_id):
            for group in client.get_groups(str(category["id"])):
                client.get_group_members(str(group["id"]))
    else:
        for _ in client.get_enrolled_users(lms_course_id):
            pass
        for grouping in client.get_course_groupings(lms_course_id):
            for group in client.get_groupings([str(grouping["id"])])[0].get("groups", ()):
                client.get_group_members([str(group["id"])])
    return gateway.calls


def publish(tool, course_id, name, groups):
    """Make a set of these groups (name → LMS user ids) group by group and return how many calls that took."""
    gateway = open_gateway(tool, course_id)
    client, lms_course_id = gateway.client, gateway._course_id
    set_id = gateway.create_group_set(name)
    for group, people in groups.items():
        if isinstance(gateway, CanvasGateway):
            made = client.create_group(set_id, group, None)
            client.set_group_members(str(made["id"]), people)
        else:
            made = client.create_groups([{"courseid": lms_course_id, "name": group, "description": ""}])[0]
            client.assign_grouping(set_id, [str(made["id"])])
            client.add_group_members([(str(made["id"]), person) for person in people])
    return gateway.calls
