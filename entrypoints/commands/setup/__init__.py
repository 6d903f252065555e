"""`homeclimate setup`, one dialogue for each kind of source."""
