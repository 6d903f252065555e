"""Days of the simulated home in one process: its network in memory, its troubles and its account."""
