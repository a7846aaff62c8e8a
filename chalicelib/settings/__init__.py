"""Settings: read from the environment once, at start, into frozen objects.

A variable that is missing or malformed raises a `ConfigurationError` that names it and shows what it
should look like. docs/settings.md lists them all.
"""
