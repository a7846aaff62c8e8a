"""The settings of the hot storage on Google Cloud."""

from __future__ import annotations

import pytest

from chalicelib.model.errors import ConfigurationError
from chalicelib.settings.firestore import FirestoreSettings

COLLECTION = {"FIRESTORE_COLLECTION": "telemetry"}


def test_a_collection_is_enough():
    assert FirestoreSettings.load(COLLECTION) == FirestoreSettings(None, "(default)", "telemetry")


@pytest.mark.parametrize("given", [{}, {"FIRESTORE_COLLECTION": ""}, {"FIRESTORE_COLLECTION": " "}])
def test_a_missing_collection_is_named(given):
    with pytest.raises(ConfigurationError, match="FIRESTORE_COLLECTION is not set"):
        FirestoreSettings.load(given)


@pytest.mark.parametrize("address", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"])
def test_an_emulator_may_be_on_this_machine(address):
    given = COLLECTION | {"FIRESTORE_EMULATOR_HOST": address}
    assert FirestoreSettings.load(given).collection == "telemetry"


@pytest.mark.parametrize(
    "address", ["", " ", "firestore.example.com:8080", "127.0.0.1.example.com:80", "10.0.0.1", "["]
)
def test_nothing_is_read_over_a_network_in_the_clear(address):
    with pytest.raises(ConfigurationError, match="FIRESTORE_EMULATOR_HOST is"):
        FirestoreSettings.load(COLLECTION | {"FIRESTORE_EMULATOR_HOST": address})
