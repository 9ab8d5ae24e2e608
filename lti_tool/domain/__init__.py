"""Rules that are true without a database, a browser or an LMS; standard library only."""
