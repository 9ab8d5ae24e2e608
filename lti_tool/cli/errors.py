"""Says errors in the words that the pages use, as one line of plain text."""

import html
import re
from typing import Any

import jinja2

from lti_tool.app import template_folder
from lti_tool.domain.errors import ToolError
from lti_tool.web import pages


def sentence(error: ToolError) -> str:
    """Return an error as the pages say it, with its code."""
    module = _texts("messages.html")
    parts = [str(getattr(module, name)(error.code, error.facts)) for name in ("error_title", "error_text")]
    title, text = (" ".join(html.unescape(re.sub(r"<[^>]+>", " ", part)).split()) for part in parts)
    return f"{title}. {text} ({error.code})"


def refusal_reason(code: str) -> str:
    """Return why a launch was refused, as the admin pages say it."""
    texts = _texts("admin/reasons.html")
    return str(texts.REASONS.get(code, texts.OTHER))


def _texts(template: str) -> Any:
    """Return what a template defines; no application is needed for that."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(template_folder()), autoescape=True)
    environment.filters.update(pages.FILTERS)
    return environment.get_template(template).make_module()
