"""Values of the domain as rows of the tables, and back."""
