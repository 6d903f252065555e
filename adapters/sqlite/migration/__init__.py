"""Taking over older databases."""
