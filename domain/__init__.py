"""The rules of collecting: pure, without input, output, clock or log."""
