"""The health of a deployment, and the rules that decide it."""
