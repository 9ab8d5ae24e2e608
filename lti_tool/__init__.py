"""LTI Groups: rosters, group sets and groups in step with the LMS."""

__version__ = "0.1.0"
