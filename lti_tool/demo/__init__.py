"""The demo LMS: a Canvas-like and a Moodle-like site that play the other side of every LTI and API call."""

from lti_tool.demo.app import DemoLms, create_lms
from lti_tool.demo.config import LmsConfig, ToolLink

__all__ = ["DemoLms", "LmsConfig", "ToolLink", "create_lms"]
