"""The simulated Hue bridge."""
