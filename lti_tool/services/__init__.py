"""Use cases: verb-first functions that take ids and values, own one transaction, and return values or rows."""
