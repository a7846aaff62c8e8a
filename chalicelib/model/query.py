"""Queries, the same for every caller.

TwinMaker's events, the inter-cloud envelope and GET parameters are three spellings of these classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Self

from chalicelib.model.data_value import UnrepresentableValueError
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.locations import locations

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from chalicelib.model.data_value import DataType
    from chalicelib.model.locations import Places
    from chalicelib.model.property_filter import PropertyFilter

MOST_DEVICES: Final = 500
"""Devices in one query: a page takes at least one read of the storage for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredDevice:
    """The declaration of a device in the twin's configuration.

    Attributes
    ----------
    types
        The declared types of its properties, constant ones included.
    sources
        Stored names or paths of its properties, where they differ from the properties' names.
    constants
        The values of its constant properties.
    component_type
        The name of the component type that it shares with other devices, without the twin's name;
        None if it has a type of its own.
    """

    types: Mapping[str, DataType]
    sources: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    component_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastEntryQuery:
    """The newest values of a device.

    Attributes
    ----------
    device_id
        The device.
    selected_properties
        Names of the properties to return, each once, at least one.
    property_types
        Declared types by property name; a property without one is typed by its stored value.
    property_sources
        Stored names or paths by property name; a property without one is stored by its own name.
    entity_id, component_name
        The entity and component that the answer's property references name; both None for a query
        that isn't about an entity.
    times
        True to have the time of each newest value in the answer, too; a history always has times.
    component_path
        The path of a composite component, from the entity's own component on; None for one that is the
        entity's own.
    external_id
        The property of a component type that holds the device's id, which references name if there is no
        entity; None for `iotDeviceId`.
    """

    device_id: str
    selected_properties: tuple[str, ...]
    property_types: Mapping[str, DataType] = field(default_factory=dict)
    property_sources: Mapping[str, str] = field(default_factory=dict)
    entity_id: str | None = None
    component_name: str | None = None
    times: bool = False
    component_path: str | None = None
    external_id: str | None = None

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties to read: the selected ones."""
        return self.selected_properties

    def places(self, values_path: str | None) -> Places:
        """Return where the values of the properties are, within the map that has all of them, if any."""
        return {
            name: locations(self.property_sources.get(name, name), values_path)
            for name in self.properties
        }

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

    def with_constants(self, constants: Mapping[str, Any]) -> Self:  # noqa: ARG002 - no filters here
        """Apply the filters on constant properties; see `HistoryQuery.with_constants`."""
        return self

    def declared_by(self, devices: Mapping[str, DeclaredDevice]) -> Self:
        """Fill in what the twin's configuration says of the device.

        A type or a source that the query itself gives wins. A device that isn't listed changes nothing.

        Parameters
        ----------
        devices
            The listed devices, by id.

        Raises
        ------
        InvalidQueryError
            The device is listed, and a property of the query isn't among its properties, or a selected
            one is constant and not declared by the query.

        Examples
        --------
        >>> from chalicelib.model.data_value import DataType
        >>> query = LastEntryQuery(device_id="pump-1", selected_properties=("pressure",))
        >>> pump = DeclaredDevice(types={"pressure": DataType("DOUBLE")})
        >>> query.declared_by({"pump-1": pump}).property_types
        {'pressure': DataType(type='DOUBLE', nested=None)}
        >>> query.declared_by({"pump-1": DeclaredDevice(types={})})
        Traceback (most recent call last):
        chalicelib.model.errors.InvalidQueryError: The property 'pressure' is unknown. The device 'pump-1' has none.
        """
        declared = devices.get(self.device_id)
        if declared is None:
            return self
        self.check_known({*declared.types, *self.property_types})
        for name in self.selected_properties:
            # TwinMaker may select what it keeps itself: its queries declare all types.
            if name in declared.constants and name not in self.property_types:
                raise InvalidQueryError(
                    f"The property {name!r} is a constant of the device {self.device_id!r}, so no "
                    "entry has it. It can be filtered by; to learn its value, look it up in the "
                    "twin's configuration."
                )
        return replace(
            self,
            property_types={**declared.types, **self.property_types},
            property_sources={**declared.sources, **self.property_sources},
        ).with_constants(declared.constants)


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
    interval
        Nanoseconds between two interpolated values; None for the values as they were stored.
    unsatisfiable
        True if no entry can meet a filter that was on a constant property.
    """

    start: int
    end: int
    filters: tuple[PropertyFilter, ...] = ()
    descending: bool = False
    max_results: int | None = None
    next_token: str | None = None
    pages_ahead: int = 0
    interval: int | None = None
    unsatisfiable: bool = False

    @property
    def each(self) -> tuple[Self, ...]:
        """The query itself, as that of its one device."""
        return (self,)

    @property
    def common(self) -> Self:
        """The query itself; see `DevicesQuery`."""
        return self

    def with_pages_ahead(self, pages: int) -> Self:
        """Return the query with another number of pages to read along."""
        return replace(self, pages_ahead=pages)

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties to read: the selected ones and those of filters, each once."""
        filtered = (each.property_name for each in self.filters)
        return tuple(dict.fromkeys((*self.selected_properties, *filtered)))

    def with_constants(self, constants: Mapping[str, Any]) -> Self:
        """Apply the filters on constant properties: they hold for all entries of the device, or for none.

        Parameters
        ----------
        constants
            The values of constant properties by name.

        Returns
        -------
        HistoryQuery
            The query without these filters; `unsatisfiable` if one of them doesn't hold.

        Raises
        ------
        InvalidQueryError
            A filter doesn't fit its property's type.

        Examples
        --------
        >>> from chalicelib.model.property_filter import PropertyFilter
        >>> small = PropertyFilter("maxPressure", "<", {"doubleValue": 20})
        >>> query = HistoryQuery(
        ...     device_id="pump-1", selected_properties=("p",), start=0, end=9, filters=(small,)
        ... )
        >>> query = query.with_constants({"maxPressure": 25.0})
        >>> query.filters, query.unsatisfiable
        ((), True)
        """
        left: list[PropertyFilter] = []
        unsatisfiable = self.unsatisfiable
        for each in self.filters:
            name = each.property_name
            # Looked at also where it is left: another one may decide that nothing is read.
            condition = each.condition(self.property_types.get(name))
            if name not in constants:
                left.append(each)
                continue
            try:
                unsatisfiable |= not condition.holds(constants[name])
            except UnrepresentableValueError as error:
                raise InvalidQueryError(
                    f"The filter on {name} can't be applied to the constant's value: {error}"
                ) from error
        return replace(self, filters=tuple(left), unsatisfiable=unsatisfiable)


@dataclass(frozen=True, slots=True)
class DevicesQuery:
    """The histories of several devices as one, in the order of time.

    Attributes
    ----------
    each
        The query of each device, at least one. They differ in what the configuration says of their devices only:
        `max_results` bounds all values together, and `next_token` is that of all.

    Examples
    --------
    >>> pump = HistoryQuery(device_id="pump-1", selected_properties=("pressure",), start=0, end=9)
    >>> query = DevicesQuery((pump, replace(pump, device_id="pump-2")))
    >>> query.device_ids
    ('pump-1', 'pump-2')
    """

    each: tuple[HistoryQuery, ...]

    @property
    def common(self) -> HistoryQuery:
        """The query of one device, for what all have in common."""
        return self.each[0]

    @property
    def device_ids(self) -> tuple[str, ...]:
        """The devices, in the order in which entries of the same instant are returned."""
        return tuple(each.device_id for each in self.each)

    @property
    def unsatisfiable(self) -> bool:
        """True if no entry of any device can meet a filter that was on a constant property."""
        return all(each.unsatisfiable for each in self.each)

    def with_pages_ahead(self, pages: int) -> Self:
        """Return the query with another number of pages to read along."""
        return replace(self, each=tuple(each.with_pages_ahead(pages) for each in self.each))

    def declared_by(self, devices: Mapping[str, DeclaredDevice]) -> Self:
        """Fill in what the twin's configuration says; see `LastEntryQuery.declared_by`."""
        return replace(self, each=tuple(each.declared_by(devices) for each in self.each))


AnyHistoryQuery = HistoryQuery | DevicesQuery
"""A query of history, of one device or of several."""
AnyQuery = LastEntryQuery | DevicesQuery
"""A query of either read, of one device or of several."""
