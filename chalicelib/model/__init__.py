"""Queries, values, instants and errors: no SDK, no environment."""
