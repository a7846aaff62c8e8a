"""The way from the twin's cloud to the Hot Readers: their endpoints, saved as connections."""
