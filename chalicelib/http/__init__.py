"""The HTTP endpoint, the same on every host."""
