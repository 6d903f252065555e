"""What is printed and asked in a terminal."""
