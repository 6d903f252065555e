"""The commands, and the wiring that gives each of them its adapters."""
