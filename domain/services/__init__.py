"""The use cases: each module drives the ports for one of them."""
