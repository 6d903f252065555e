"""Amazon's air quality monitors, through the service behind the Alexa app."""
