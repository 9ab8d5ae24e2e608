"""Says errors in the words that the pages use, as one line of plain text."""

import html
import re
from collections.abc import Mapping

import jinja2

from lti_tool.app import template_folder
from lti_tool.domain.errors import ToolError


def sentence(error: ToolError) -> str:
    """Return an error as the pages say it, with its code."""
    return words(error.code, {key: str(value) for key, value in error.facts.items()})


def words(code: str, facts: Mapping[str, object]) -> str:
    """Return the words of an error code as one line."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(template_folder()), autoescape=True)
    module = environment.get_template("messages.html").make_module({"lms_name": "the LMS"})
    parts = [str(getattr(module, name)(code, facts)) for name in ("error_title", "error_text")]
    text = html.unescape(re.sub(r"<[^>]+>", " ", " ".join(parts)))
    return f"{' '.join(text.split())} ({code})"
