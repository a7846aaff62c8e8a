"""The settings of the Hot Readers on Cloud Functions."""

from __future__ import annotations

import json
from typing import Final

from deploy_scripts import PROJECT
from tests.end_to_end.http.service import TOKEN

SOURCE: Final = PROJECT / "functions" / "gcp" / "main.py"
COLLECTION: Final = "factory-twin-hot-telemetry"
TWIN_INFO: Final = json.dumps(
    {
        "config": {"digital_twin_name": "factory-twin"},
        "config_providers": {"layer_3_hot_provider": "gcp", "layer_4_provider": "aws"},
    }
)
SETTINGS: Final = {
    "DIGITAL_TWIN_INFO": TWIN_INFO,
    "FIRESTORE_COLLECTION": COLLECTION,
    "INTER_CLOUD_TOKEN": TOKEN,
}
