"""Telling people: the alert file, mail and a ping."""
