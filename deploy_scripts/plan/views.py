"""A plan as people look at it: text for a terminal, and a flowchart in Mermaid's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from chalicelib.model.reads import READS
from deploy_scripts.plan.plan import ENDPOINT_KINDS
from deploy_scripts.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deploy_scripts.plan.plan import Cloud, Plan, PlannedConnection

_SHOWN_IN_CHART: Final = 5
"""Component types that a flowchart names; the others are counted."""
_FUNCTION_KINDS: Final = ("dataReader", "attributePropertyValueReaderByEntity")


def text(plan: Plan) -> Iterator[Text]:
    """Yield a plan's lines for a terminal."""
    yield Text.assemble((plan.twin_name, "bold"), f", stage {plan.stage}")
    for cloud in plan.clouds:
        yield Text()
        yield Text.assemble((PROVIDERS[cloud.provider].title, "bold cyan"), ": ", _roles(cloud))
        sections = [*_sections(cloud)]
        for title, rows in sections:
            yield Text(f"  {title}", style="bold")
            yield from (Text(f"    {line}") for line in _columns(rows))
        if not sections:
            yield Text("  nothing to deploy", style="dim")
    if plan.missing:
        yield Text()
        yield Text("Missing", style="bold yellow")
        yield from (Text(f"  - {each}") for each in plan.missing)


def _roles(cloud: Cloud) -> str:
    roles = [f"hot storage (layer 3, {cloud.store})"] if cloud.store else []
    return " and ".join([*roles, "twin (layer 4)"] if cloud.has_twin else roles)


def _sections(cloud: Cloud) -> Iterator[tuple[str, list[Sequence[str]]]]:
    functions = [(each.name, each.deployed_name or "") for each in cloud.functions]
    endpoints = [
        (each.path, each.reads, f"by {each.function}", ENDPOINT_KINDS.get(each.kind or "", ""))
        for each in cloud.endpoints
    ]
    connections = [(each.id, each.reads, _state(each)) for each in cloud.connections]
    component_types = [(each.id, f"device {each.device_id}") for each in cloud.component_types]
    titled: tuple[tuple[str, list[Sequence[str]]], ...] = (
        ("functions", [*functions]),
        ("endpoints", [*endpoints]),
        ("connections", [*connections]),
        ("component types", [*component_types]),
        ("component types point at", [*_targets(cloud)]),
    )
    yield from (section for section in titled if section[1])


def _targets(cloud: Cloud) -> Iterator[tuple[str, str]]:
    """Yield a component type's functions; those of all types are the same."""
    for each in cloud.component_types[:1]:
        names = (each.history_function, each.last_entry_function)
        yield from zip(_FUNCTION_KINDS, names, strict=True)


def _state(connection: PlannedConnection) -> str:
    if connection.saved_as is None:
        return "not saved yet"
    old = "" if connection.saved_as == connection.id else f" (saved as {connection.saved_as})"
    return f"{connection.url}{old}"


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def mermaid(plan: Plan) -> str:
    """Draw a plan as a Mermaid flowchart: who asks on the left, the hot storage on the right."""
    lines = ["flowchart LR"]
    for cloud in reversed(plan.clouds):
        title = _quoted(f"{PROVIDERS[cloud.provider].title}: {_roles(cloud)}")
        lines += [f"  subgraph {cloud.provider} [{title}]"]
        lines += [f"    {line}" for line in _nodes(cloud, plan)]
        lines += ["  end"]
    lines += [f"  {line}" for line in _edges(plan)]
    return "\n".join(lines) + "\n"


def _nodes(cloud: Cloud, plan: Plan) -> Iterator[str]:
    if cloud.component_types:
        yield f"types[{_quoted(_type_names(cloud))}]"
    elif cloud.has_twin:
        yield f"twin[{_quoted(f'the twin {plan.twin_name}')}]"
    for endpoint in cloud.endpoints:
        yield f"{_id(endpoint.path)}([{_quoted(endpoint.path)}])"
    for function in cloud.functions:
        yield f"{_id(function.name)}[{_quoted(function.name)}]"
    if cloud.store:
        yield f"store[({_quoted(cloud.store)})]"


def _type_names(cloud: Cloud) -> str:
    names = [each.id for each in cloud.component_types]
    more = len(names) - _SHOWN_IN_CHART
    shown = [*names[:_SHOWN_IN_CHART], *([f"and {more} more"] if more > 0 else [])]
    return "<br/>".join(["component types", *shown])


def _edges(plan: Plan) -> Iterator[str]:
    storage, twin = plan.clouds[0], plan.clouds[-1]
    for kind, target in _targets(twin):
        yield f"types -- {kind} --> {_id(target)}"
    on_aws = twin.provider == "aws"
    asking = [read.data_connector if on_aws else "twin" for read in READS]
    for asker, endpoint, saved in zip(asking, storage.endpoints, twin.connections, strict=False):
        yield f"{_id(asker)} -- {saved.id} --> {_id(endpoint.path)}"
    yield from _unique(f"{_id(each.path)} --> {_id(each.function)}" for each in storage.endpoints)
    names = {function.name for function in storage.functions}
    for read in READS:
        if names >= {read.data_connector, read.hot_reader}:
            yield f"{_id(read.data_connector)} --> {_id(read.hot_reader)}"
    connectors = {read.data_connector for read in READS}
    for function in storage.functions:
        if function.name not in connectors:
            yield f"{_id(function.name)} --> store"


def _unique(lines: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(lines)


def _id(name: str) -> str:
    """Make a node's id: an endpoint's differs from the function's of the same name."""
    return name.replace("/", "http-").replace("-", "_")


def _quoted(label: str) -> str:
    return '"' + label.replace('"', "#quot;") + '"'
