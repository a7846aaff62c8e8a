"""Connectors: what they are asked, how they are invoked, and what of their answers is accepted."""
