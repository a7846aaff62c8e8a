"""The way from the twin's cloud to the Hot Readers: their endpoints, saved as connections."""

from deploy_scripts.errors import VerbError


class PublishError(VerbError):
    """The Hot Readers can't be published; the message says why and what to do, and holds no token."""
