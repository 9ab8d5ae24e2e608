"""Files to keep: named safely in any script, and stored by no cache."""

import pytest
from werkzeug.http import parse_options_header

from lti_tool.web.downloads import download


@pytest.mark.parametrize(
    ("name", "plain", "shown"),
    [
        ("Labs.csv", "Labs.csv", "Labs.csv"),
        ("Übung 1.csv", "Ubung 1.csv", "Übung 1.csv"),
        ("日本.csv", "download.csv", "日本.csv"),
        ('a"\r\nSet-Cookie: b/../c.csv', "a-Set-Cookie- b-..-c.csv", "a-Set-Cookie- b-..-c.csv"),
        ("＂x＂／y.csv", "x-y.csv", "＂x＂／y.csv"),
        ("../.csv", "download.csv", "download.csv"),
        (f"{'x' * 300}.csv", f"{'x' * 120}.csv", f"{'x' * 120}.csv"),
    ],
)
def test_a_name_is_safe_in_the_header(name: str, plain: str, shown: str) -> None:
    response = download(name, "text/csv", b"1")
    header = response.headers["Content-Disposition"]
    kind, options = parse_options_header(header)
    assert kind == "attachment"
    assert f'filename="{plain}"' in header
    assert options["filename"] == shown
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
