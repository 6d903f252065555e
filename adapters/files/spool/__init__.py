"""The spool on disk: cycles that wait until the database takes them."""
