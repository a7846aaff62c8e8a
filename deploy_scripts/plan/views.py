"""The views of a plan for people: lines for a terminal, and a flowchart in Mermaid's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from chalicelib.model.reads import READS
from deploy_scripts.plan.plan import ENDPOINT_KINDS
from deploy_scripts.providers import PROVIDERS
from deploy_scripts.wording import first_few

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy_scripts.plan.plan import Cloud, Plan, PlannedConnection

_SHOWN_IN_CHART: Final = 5
"""Component types that a flowchart names; the others are counted."""


def text(plan: Plan) -> Iterator[Text]:
    """Yield a plan's lines for a terminal."""
    yield Text.assemble((plan.twin_name, "bold"), f", stage {plan.stage}")
    for cloud in plan.clouds:
        yield Text()
        yield Text.assemble((PROVIDERS[cloud.provider].title, "bold cyan"), ": ", _roles(cloud))
        sections = {title: rows for title, rows in _sections(cloud).items() if rows}
        for title, rows in sections.items():
            yield Text(f"  {title}", style="bold")
            widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
            for row in rows:
                cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
                yield Text(f"    {'  '.join(cells).rstrip()}")
        if not sections:
            yield Text("  nothing to deploy", style="dim")
    if plan.missing:
        yield Text()
        yield Text("Missing", style="bold yellow")
        yield from (Text(f"  - {each}") for each in plan.missing)


def _roles(cloud: Cloud) -> str:
    roles = [f"hot storage (layer 3, {cloud.store})"] if cloud.store else []
    return " and ".join([*roles, "twin (layer 4)"] if cloud.has_twin else roles)


def _sections(cloud: Cloud) -> dict[str, list[tuple[str, ...]]]:
    """Return the rows of each section by its title."""
    return {
        "names": [(each.what, each.value, each.origin) for each in cloud.names],
        "functions": [(each.name, each.deployed_name or "") for each in cloud.functions],
        "endpoints": [
            (each.path, each.reads, f"by {each.function}", ENDPOINT_KINDS.get(each.kind or "", ""))
            for each in cloud.endpoints
        ],
        "connections": [(each.id, each.reads, _state(each)) for each in cloud.connections],
        "component types": [
            (each.id, f"device {first_few(each.devices)}") for each in cloud.component_types
        ],
        "component types point at": [*_targets(cloud)],
    }


def _targets(cloud: Cloud) -> Iterator[tuple[str, str]]:
    """Yield a component type's functions; those of all types are the same."""
    for each in cloud.component_types[:1]:
        yield from each.functions.items()


def _state(connection: PlannedConnection) -> str:
    if connection.saved_as is None:
        return "not saved yet"
    old = "" if connection.saved_as == connection.id else f" (saved as {connection.saved_as})"
    return f"{connection.url}{old}"


def mermaid(plan: Plan) -> str:
    """Draw a plan as a Mermaid flowchart: who asks on the left, the hot storage on the right."""
    lines = ["flowchart LR"]
    for cloud in reversed(plan.clouds):
        title = _quoted(f"{PROVIDERS[cloud.provider].title}: {_roles(cloud)}")
        lines += [f"  subgraph {cloud.provider} [{title}]"]
        lines += [f"    {line}" for line in _nodes(cloud, plan)]
        lines += ["  end"]
    lines += [f"  {line}" for line in dict.fromkeys(_edges(plan))]
    return "\n".join(lines) + "\n"


def _nodes(cloud: Cloud, plan: Plan) -> Iterator[str]:
    if cloud.component_types:
        names = [each.id for each in cloud.component_types]
        more = len(names) - _SHOWN_IN_CHART
        counted = [f"and {more} more"] if more > 0 else []
        shown = "<br/>".join(["component types", *names[:_SHOWN_IN_CHART], *counted])
        yield f"types[{_quoted(shown)}]"
    elif cloud.has_twin:
        yield f"twin[{_quoted(f'the twin {plan.twin_name}')}]"
    for endpoint in cloud.endpoints:
        yield f"{_id(endpoint.path)}([{_quoted(endpoint.path)}])"
    for function in cloud.functions:
        yield f"{_id(function.name)}[{_quoted(function.name)}]"
    if cloud.store:
        yield f"store[({_quoted(cloud.store)})]"


def _edges(plan: Plan) -> Iterator[str]:
    storage, twin = plan.clouds[0], plan.clouds[-1]
    for kind, target in _targets(twin):
        yield f"types -- {kind} --> {_id(target)}"
    for read, endpoint, saved in zip(READS, storage.endpoints, twin.connections, strict=False):
        asker = _id(read.data_connector) if twin.provider == "aws" else "twin"
        yield f"{asker} -- {saved.id} --> {_id(endpoint.path)}"
    for endpoint in storage.endpoints:
        yield f"{_id(endpoint.path)} --> {_id(endpoint.function)}"
    names = {function.name for function in storage.functions}
    for read in READS:
        if names >= {read.data_connector, read.hot_reader}:
            yield f"{_id(read.data_connector)} --> {_id(read.hot_reader)}"
    connectors = {read.data_connector for read in READS}
    for function in storage.functions:
        if function.name not in connectors:
            yield f"{_id(function.name)} --> store"


def _id(name: str) -> str:
    """Make a node's id: an endpoint's differs from the function's of the same name."""
    return name.replace("/", "http-").replace("-", "_")


def _quoted(label: str) -> str:
    return '"' + label.replace('"', "#quot;") + '"'
