"""Connectors: the queries to them, their invocation, and the check of their answers."""
