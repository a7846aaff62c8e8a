"""The read path: everything that runs in a function, on any cloud."""
