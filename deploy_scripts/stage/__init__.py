"""A Chalice stage: what it has to be, and what is deployed of it."""
