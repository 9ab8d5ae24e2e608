"""The LTI 1.3 edge: logins, launches, sessions, and the keys of both sides; the only place that knows pylti1p3."""
