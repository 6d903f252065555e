"""Commands that show or write out what is stored."""
