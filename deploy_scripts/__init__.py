"""What runs on an engineer's machine: the command line, the local cloud and the demo."""
