"""The rules of collecting: pure, without input, output or technology."""
