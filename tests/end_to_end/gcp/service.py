"""The Hot Readers on Cloud Functions as a stranger meets them: over a socket, and by their log."""

from __future__ import annotations

import json
from typing import Any, Final

from tests.end_to_end.http.service import TOKEN, Service

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


class FunctionsService(Service):
    """A service whose log lines are those of Cloud Logging."""

    def records(self, *, since: str = "") -> list[dict[str, Any]]:
        """Return the service's own log lines but the metrics, as the tests of all hosts know them."""
        lines = self.output().removeprefix(since).splitlines()
        documents = [json.loads(line) for line in lines if line.startswith("{")]
        return [
            {**document, "level": document["severity"], "exception": document.get("stack_trace")}
            for document in documents
            if "metrics" not in document
        ]
