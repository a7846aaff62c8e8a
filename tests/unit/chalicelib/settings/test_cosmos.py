"""The settings of the hot storage on Azure."""

from __future__ import annotations

import pytest

from chalicelib.model.errors import ConfigurationError
from chalicelib.settings.cosmos import CosmosSettings

COSMOS = {
    "COSMOS_ENDPOINT": "https://twin.documents.azure.com:443/",
    "COSMOS_DATABASE": "twin",
    "COSMOS_CONTAINER": "hot-telemetry",
}


def test_a_container_needs_no_key():
    settings = CosmosSettings.load(COSMOS)
    assert (settings.endpoint, settings.database) == (COSMOS["COSMOS_ENDPOINT"], "twin")
    assert (settings.container, settings.key) == ("hot-telemetry", None)


@pytest.mark.parametrize("value", [None, "", " "])
@pytest.mark.parametrize("name", COSMOS)
def test_a_missing_setting_is_named(name, value):
    given = COSMOS | {name: value}
    with pytest.raises(ConfigurationError, match=f"{name} is not set"):
        CosmosSettings.load({key: text for key, text in given.items() if text is not None})


def test_a_container_has_no_timestamps_of_its_own():
    with pytest.raises(ConfigurationError, match="TIMESTAMP_FORMAT is 'native', but Cosmos DB has"):
        CosmosSettings.load(COSMOS | {"TIMESTAMP_FORMAT": "native"})


def test_a_key_is_neither_shown_nor_sent_in_the_clear():
    settings = CosmosSettings.load(COSMOS | {"COSMOS_KEY": " c2VjcmV0Cg== "})
    assert settings.key == "c2VjcmV0Cg=="
    assert "c2VjcmV0Cg==" not in repr(settings)
    with pytest.raises(ConfigurationError, match="COSMOS_ENDPOINT must use https"):
        CosmosSettings.load(COSMOS | {"COSMOS_ENDPOINT": "http://twin.example.com"})


def test_what_is_no_key_is_refused_without_being_shown():
    with pytest.raises(ConfigurationError, match="COSMOS_KEY is not a key") as refused:
        CosmosSettings.load(COSMOS | {"COSMOS_KEY": "hunter2"})
    assert "hunter2" not in str(refused.value)
    assert refused.value.__suppress_context__


@pytest.mark.parametrize("start", ["@Microsoft.KeyVault(", "@microsoft.keyvault("])
def test_a_reference_that_azure_has_not_resolved_is_recognised(start):
    reference = f"{start}SecretUri=https://my-vault.vault.azure.net/secrets/token/)"
    with pytest.raises(
        ConfigurationError,
        match=r"^COSMOS_KEY is a Key Vault reference that Azure has not resolved.*Secrets User",
    ):
        CosmosSettings.load(COSMOS | {"COSMOS_KEY": reference})


@pytest.mark.parametrize("more", ["/;AccountKey=key", "/?key=key", "/#key", "/path"])
def test_an_endpoint_is_an_account_and_nothing_else(more):
    endpoint = f"https://twin.documents.azure.com{more}"
    with pytest.raises(ConfigurationError, match="COSMOS_ENDPOINT must end") as refusal:
        CosmosSettings.load(COSMOS | {"COSMOS_ENDPOINT": endpoint})
    assert "key" not in str(refusal.value).lower()
