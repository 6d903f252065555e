"""The settings: their types, their defaults, and how files become them."""
