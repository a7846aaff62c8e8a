"""The hot storage of each cloud behind one interface."""
