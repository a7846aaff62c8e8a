"""The package of the Hot Readers for a cloud that Chalice can't deploy to."""

from deploy_scripts.errors import VerbError


class PackageError(VerbError):
    """The Hot Readers can't be packaged; the message says why and what to do."""
