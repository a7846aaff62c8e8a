"""The Azure functions as a stranger meets them: over a socket, and by their log."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from deploy_scripts import PROJECT
from local_cloud.azure.functions import LocalAzureFunctions
from local_cloud.child_process import free_port
from tests.end_to_end.http.service import TOKEN, CloudLogService

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from local_cloud.azure.cosmos import LocalCosmos

APP: Final = PROJECT / "functions" / "azure"
DATABASE: Final = "factory-twin"
CONTAINER: Final = "hot-telemetry"


def settings_for(cosmos: LocalCosmos) -> dict[str, str]:
    """Return the application settings of an app over a local Cosmos DB."""
    twin = {
        "config": {"digital_twin_name": "factory-twin"},
        "config_providers": {"layer_3_hot_provider": "azure", "layer_4_provider": "aws"},
    }
    return {
        "DIGITAL_TWIN_INFO": json.dumps(twin),
        "INTER_CLOUD_TOKEN": TOKEN,
        "COSMOS_ENDPOINT": cosmos.endpoint,
        "COSMOS_DATABASE": DATABASE,
        "COSMOS_CONTAINER": CONTAINER,
        "COSMOS_KEY": cosmos.key,
    }


@contextmanager
def running(directory: Path, settings: Mapping[str, str]) -> Iterator[CloudLogService]:
    """Run the app with settings."""
    log = directory / "azure-functions.log"
    with LocalAzureFunctions(settings, app=APP, port=free_port(), log=log) as app:
        yield CloudLogService(app.url, log.read_text)
