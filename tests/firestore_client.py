"""A client of the local Firestore, for tests that look into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

if TYPE_CHECKING:
    from google.cloud.firestore import Client

    from local_cloud.gcp.firestore import LocalFirestore


def client_of(local: LocalFirestore) -> Client:
    """Return a client that may do everything."""
    client = firestore.Client(project=local.project, credentials=AnonymousCredentials())
    # Otherwise only the environment of this whole process could name the host.
    client._emulator_host = local.host
    return client
