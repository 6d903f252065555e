"""The simulated Alexa service, with the air quality monitors of the simulated home."""
