"""The component types that every workspace shows and nobody can change: AWS's own.

Sources: the guide's 'Built-in component types' and 'Example component types' (the alarm), its page on
the Athena connector (JSON reference), the documents component in a recording of AWS's samples and the
video component of IoT App Kit's tests. How they are listed, after a workspace's own and with an
ARN that isn't the caller's, is recorded in the tests of Grafana's TwinMaker plugin. The SiteWise
types aren't here: their definitions aren't published, and their values come from SiteWise.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .lifecycle import Lifecycle
from .resources import ComponentType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .resources import Json

_MADE = datetime(2021, 11, 13, tzinfo=UTC)
"""The day that the recordings give for most of them."""

_TEXT: Json = {"dataType": {"type": "STRING"}}
_REQUIRED: Json = _TEXT | {"isRequiredInEntity": True}
_ALARM_STATES = ("ACTIVE", "SNOOZE_DISABLED", "ACKNOWLEDGED", "NORMAL")

_MEMBERS: Mapping[str, Json] = {
    "com.amazon.athena.connector": {
        "description": "Athena connector for syncing tabular data",
        "propertyDefinitions": {
            "athenaDataSource": _REQUIRED,
            "athenaDatabase": _REQUIRED,
            "athenaTable": _REQUIRED,
            "athenaWorkgroup": _REQUIRED,
            "athenaExternalIdColumnName": _REQUIRED,
            "athenaComponentExternalId": _REQUIRED | {"isExternalId": True},
        },
        "functions": {"tabularDataReaderByEntity": {"implementedBy": {"isNative": True}}},
    },
    "com.amazon.iottwinmaker.alarm.basic": {
        "description": "Abstract alarm component type",
        "propertyDefinitions": {
            "alarm_key": _REQUIRED | {"isExternalId": True},
            "alarm_status": {
                "dataType": {
                    "type": "STRING",
                    "allowedValues": [{"stringValue": state} for state in _ALARM_STATES],
                },
                "isStoredExternally": True,
                "isTimeSeries": True,
            },
        },
        "functions": {"dataReader": {}},
    },
    "com.amazon.iottwinmaker.documents": {
        "description": "Component type for storing document urls",
        "propertyDefinitions": {
            "documents": {"dataType": {"type": "MAP", "nestedType": {"type": "STRING"}}}
        },
    },
    "com.amazon.iottwinmaker.parameters": {
        "description": "Component type for storing parameter values"
    },
    "com.amazon.kvs.video": {
        "description": "Component type for streams of Kinesis Video Streams",
        "propertyDefinitions": {"KinesisVideoStreamName": _REQUIRED},
    },
}


def is_owned(type_id: str) -> bool:
    """Tell whether a component type is one of AWS's own."""
    return type_id in _MEMBERS


def absent(type_id: str) -> str:
    """Say that there is no such component type, and whether that is for want of one of AWS's own."""
    ours = f": of AWS's own, the local TwinMaker has only {', '.join(_MEMBERS)}"
    return (
        f"there is no component type {type_id}{ours if type_id.startswith('com.amazon.') else ''}"
    )


def owned_types(arn_prefix: str) -> dict[str, ComponentType]:
    """Make AWS's own component types.

    Parameters
    ----------
    arn_prefix : str
        The beginning of their ARNs, up to ``component-type/``.

    Returns
    -------
    dict of str to ComponentType
        By id.
    """
    return {
        type_id: ComponentType(
            component_type_id=type_id,
            arn=arn_prefix + type_id,
            settings={"description": members["description"]},
            extends_from=(),
            definitions=members.get("propertyDefinitions", {}),
            functions=members.get("functions", {}),
            created=_MADE,
            updated=_MADE,
            lifecycle=Lifecycle("ACTIVE"),
        )
        for type_id, members in _MEMBERS.items()
    }
