"""The two reads, with every name that belongs to either."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Read:
    """One kind of read.

    Attributes
    ----------
    title
        Its name for people.
    hot_reader
        The name of its Hot Reader: the function's, and the last part of the endpoint's path.
    data_connector
        The name of its data connector.
    twinmaker_function
        The function of a component type that it implements (TwinMaker API reference,
        CreateComponentType, `functions`).
    remote_url_setting
        The setting with the URL of another cloud's Hot Reader.
    local_function_setting
        The setting with the name of this account's Hot Reader.
    answer_type
        The type of an answer's `propertyValues`.
    """

    title: str
    hot_reader: str
    data_connector: str
    twinmaker_function: str
    remote_url_setting: str
    local_function_setting: str
    answer_type: type

    @property
    def path(self) -> str:
        """The endpoint's path, such as `/hot-reader`."""
        return f"/{self.hot_reader}"


HISTORY: Final = Read(
    title="history",
    hot_reader="hot-reader",
    data_connector="digital-twin-data-connector",
    twinmaker_function="dataReader",
    remote_url_setting="REMOTE_READER_URL",
    local_function_setting="LOCAL_HOT_READER_NAME",
    answer_type=list,
)
LAST_ENTRY: Final = Read(
    title="newest entry",
    hot_reader="hot-reader-last-entry",
    data_connector="digital-twin-data-connector-last-entry",
    twinmaker_function="attributePropertyValueReaderByEntity",
    remote_url_setting="REMOTE_READER_LAST_ENTRY_URL",
    local_function_setting="LOCAL_HOT_READER_LAST_ENTRY_NAME",
    answer_type=dict,
)
READS: Final = (HISTORY, LAST_ENTRY)
