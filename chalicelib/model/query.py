"""Queries, the same for every caller.

TwinMaker's events, the inter-cloud envelope and GET parameters are three spellings of these classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from chalicelib.model.errors import InvalidQueryError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from chalicelib.model.data_value import DataType
    from chalicelib.model.property_filter import PropertyFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class LastEntryQuery:
    """The newest entry of a device.

    Attributes
    ----------
    device_id
        The device.
    selected_properties
        Names of the properties to return, each once, at least one.
    property_types
        Declared types by property name; a property without one is typed by its stored value.
    entity_id, component_name
        The entity and component that the answer's property references name; both None for a query
        that isn't about an entity.
    """

    device_id: str
    selected_properties: tuple[str, ...]
    property_types: Mapping[str, DataType] = field(default_factory=dict)
    entity_id: str | None = None
    component_name: str | None = None

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties to read: the selected ones."""
        return self.selected_properties

    def check_known(self, known: Collection[str]) -> None:
        """Refuse a property that doesn't exist.

        Raises
        ------
        InvalidQueryError
            A property of the query isn't among the known ones.
        """
        for name in self.properties:
            if name not in known:
                raise InvalidQueryError(
                    f"The property {name!r} is unknown. The device {self.device_id!r} has "
                    f"{', '.join(sorted(known)) or 'none'}."
                )

    def declared_by(self, devices: Mapping[str, Mapping[str, DataType]]) -> Self:
        """Fill in the types that the twin's configuration declares for the device.

        A type that the query itself gives wins. A device that isn't listed changes nothing.

        Parameters
        ----------
        devices
            Declared types by device id and property name.

        Raises
        ------
        InvalidQueryError
            The device is listed and a property of the query isn't among its properties.

        Examples
        --------
        >>> from chalicelib.model.data_value import DataType
        >>> query = LastEntryQuery(device_id="pump-1", selected_properties=("pressure",))
        >>> query.declared_by({"pump-1": {"pressure": DataType("DOUBLE")}}).property_types
        {'pressure': DataType(type='DOUBLE', nested=None)}
        >>> query.declared_by({"pump-1": {}})
        Traceback (most recent call last):
        chalicelib.model.errors.InvalidQueryError: The property 'pressure' is unknown. The device 'pump-1' has none.
        """
        declared = devices.get(self.device_id)
        if declared is None:
            return self
        self.check_known({*declared, *self.property_types})
        return replace(self, property_types={**declared, **self.property_types})


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery(LastEntryQuery):
    """The entries of a device between two instants, both included.

    Attributes
    ----------
    start, end
        The earliest and the latest instant: nanoseconds since 1970-01-01T00:00:00Z.
    filters
        Conditions on an entry, all of which must hold.
    descending
        True for the newest first.
    max_results
        The most values, over all properties, on a page; None for as many as fit.
    next_token
        The end of the page before; None for the first page.
    pages_ahead
        The most pages, of those that follow, to read along with this one.
    """

    start: int
    end: int
    filters: tuple[PropertyFilter, ...] = ()
    descending: bool = False
    max_results: int | None = None
    next_token: str | None = None
    pages_ahead: int = 0

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties to read: the selected ones and those of filters, each once."""
        filtered = (each.property_name for each in self.filters)
        return tuple(dict.fromkeys((*self.selected_properties, *filtered)))
