"""A Chalice stage: its settings, policies and token, and the record of its deployment."""
