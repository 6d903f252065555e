"""A simulated home that speaks the real wire protocols on loopback."""
