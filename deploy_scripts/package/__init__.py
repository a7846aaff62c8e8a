"""The package of the Hot Readers for a cloud that Chalice can't deploy to."""
