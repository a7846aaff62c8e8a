"""Settings of the hot storage on AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.settings.environment import required, string
from chalicelib.settings.hot_reader import check_has_no_native_timestamps

if TYPE_CHECKING:
    from chalicelib.settings.environment import Environment


@dataclass(frozen=True, slots=True)
class DynamoDBSettings:
    """The place of the hot storage on AWS.

    Attributes
    ----------
    table_name
        The hot table: device id as partition key, instant as sort key.
    index_name
        The secondary index that has these keys instead; None if the table itself has them.
    """

    table_name: str
    index_name: str | None

    @classmethod
    def load(cls, environment: Environment) -> DynamoDBSettings:
        """Read the settings; see `HotReaderSettings.load`."""
        check_has_no_native_timestamps(environment, "DynamoDB")
        return cls(
            table_name=required(environment, "DYNAMODB_TABLE_NAME", "my-twin-hot-telemetry"),
            index_name=string(environment, "DYNAMODB_INDEX_NAME", "") or None,
        )
