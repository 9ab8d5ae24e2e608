"""Says errors in the words that the pages use, as one line of plain text."""

import html
import re

import jinja2

from lti_tool.app import template_folder
from lti_tool.domain.errors import ToolError
from lti_tool.web import pages


def sentence(error: ToolError) -> str:
    """Return an error as the pages say it, with its code."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(template_folder()), autoescape=True)
    environment.filters.update(pages.FILTERS)
    module = environment.get_template("messages.html").make_module()
    parts = [str(getattr(module, name)(error.code, error.facts)) for name in ("error_title", "error_text")]
    title, text = (" ".join(html.unescape(re.sub(r"<[^>]+>", " ", part)).split()) for part in parts)
    return f"{title}. {text} ({error.code})"
