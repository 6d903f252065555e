"""Networks between the simulated home and a collector, in memory and on loopback."""
