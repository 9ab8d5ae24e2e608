"""Which hosts are a platform's own, and what an administrator may type as one."""

import pytest

from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.platform_hosts import host_in, own_hosts, read_hosts

CLOUD = "https://sso.canvaslms.com/api/lti/security/jwks"
BLACKBOARD = "https://developer.blackboard.com/api/v1/management/applications/1/jwks.json"


@pytest.mark.parametrize(
    ("address", "keys", "other", "is_own"),
    [
        ("https://lms.example/members?x=1", "https://lms.example/keys", None, True),
        ("HTTPS://LMS.Example:443/members", "https://lms.example/keys", None, True),
        ("https://lms.example", "https://lms.example/keys", None, True),
        ("https://tokens.example/members", "https://keys.example/", None, True),
        ("https://lms.example:8443/members", "https://lms.example/keys", None, False),
        ("https://lms.example:8443/members", "https://lms.example/keys", "lms.example:8443", True),
        ("https://sub.lms.example/members", "https://lms.example/keys", None, False),
        ("https://lms.example.evil.example/", "https://lms.example/keys", None, False),
        ("https://evil.example#@lms.example/", "https://lms.example/keys", None, False),
        ("https://evil.example\\@lms.example/", "https://lms.example/keys", None, False),
        ("https://lms.example@evil.example/", "https://lms.example/keys", "evil.example", False),
        # A school in a cloud that signs for all of them; its own name is to be added.
        ("https://school.instructure.com/api/lti/courses/1/names_and_roles", CLOUD, None, True),
        ("https://school.beta.instructure.com/x", "https://sso.beta.canvaslms.com/jwks", None, True),
        ("https://school.instructure.com/x", "https://other.instructure.com/api/lti/security/jwks", None, True),
        ("https://canvas.school.edu/x", CLOUD, None, False),
        ("https://canvas.school.edu/x", CLOUD, "a.example canvas.school.edu", True),
        ("https://evilinstructure.com/x", CLOUD, None, False),
        ("https://school.instructure.com.evil.example/x", CLOUD, None, False),
        ("https://school.blackboard.com/learn/api/v1/lti/x", BLACKBOARD, None, True),
        # Who only says to be of the cloud (the issuer that a self-hosted Canvas has at first) is not believed.
        ("https://school.instructure.com/x", "https://canvas.evil.example/jwks", None, False),
        ("https://school.instructure.com/x", "https://evilinstructure.com/jwks", None, False),
    ],
)
def test_an_address_is_the_platforms_own_by_its_host(address: str, keys: str, other: str | None, is_own: bool) -> None:
    registered = ["https://canvas.instructure.com", "https://tokens.example/token", None, ""]
    assert own_hosts(registered, keys, other).has(address) is is_own


def test_typed_hosts_are_cleaned_and_what_is_none_is_refused() -> None:
    assert read_hosts(" Canvas.School.edu,https://b.example/x?y  b.example [::1]:8443\n") == (
        "canvas.school.edu b.example [::1]:8443"
    )
    assert read_hosts(" ") == ""
    for text in ("*.school.edu", "a/b", "user@host", "javascript:alert(1)", "https://", "a\\b", "a;rm", "ä.example"):
        with pytest.raises(RuleViolation, match="hosts_invalid"):
            read_hosts(text)
    with pytest.raises(RuleViolation, match="hosts_too_many"):
        read_hosts(" ".join(f"h{number}.example" for number in range(21)))
    assert host_in("lms.example") is None
