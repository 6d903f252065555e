"""The clock, the meter, the retrier and threads."""
