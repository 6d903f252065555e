"""The Philips Hue bridge, over HTTPS."""
