"""The twin's component types in TwinMaker, compared with what is wanted of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chalicelib.contracts.component_types import component_type_prefix
from deploy_scripts.register.calls import RegistrationError
from deploy_scripts.register.component_types import FLAGS
from deploy_scripts.register.resources import Resources
from deploy_scripts.register.summary import Change, Outcome
from deploy_scripts.wording import first_few

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from deploy_scripts.register.calls import Json
    from deploy_scripts.register.resources import Planned


def differences(wanted: Json, found: Json) -> dict[str, list[str]]:
    """Compare a component type with its description.

    GetComponentType shows more than was written: flags that weren't given, what is inherited, display
    names. Only what `component_type` decides is compared.

    Returns for each member of UpdateComponentType that must be sent again (it takes each as a whole) a
    line per difference; empty if there is none.
    """
    members = {"propertyDefinitions": ("property", _property), "functions": ("function", _function)}
    described = {
        member: list(_differences(noun, parts, wanted[member], found.get(member, {})))
        for member, (noun, parts) in members.items()
    }
    parents = wanted.get("extendsFrom")
    if parents not in (None, found.get("extendsFrom")):
        described["extendsFrom"] = [f"extends {', '.join(parents)}"]
    return {member: lines for member, lines in described.items() if lines}


def _differences(
    noun: str,
    parts: Callable[[Json], Json],
    wanted: Json,
    found: Json,
) -> Iterator[str]:
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            yield f"{noun} {name} added"
        elif name not in wanted:
            if not found[name].get("isInherited"):
                yield f"{noun} {name} removed"
        else:
            shown = parts(found[name])
            changed = [
                f"{part} {_in_words(value)}, was {_in_words(shown[part])}"
                for part, value in parts(wanted[name]).items()
                if value != shown[part]
            ]
            if changed:
                yield f"{noun} {name} changed ({'; '.join(changed)})"


def _in_words(value: Any) -> str:
    """Show a member of a definition: a type as `LIST of DOUBLE in Bar`, all else as JSON."""
    if isinstance(value, dict):
        value = {name: each for name, each in value.items() if each is not None}
        if value.keys() <= {"type", "nestedType", "unitOfMeasure"} and value:
            nested = f" of {_in_words(value['nestedType'])}" if "nestedType" in value else ""
            unit = f" in {value['unitOfMeasure']}" if "unitOfMeasure" in value else ""
            return f"{value['type']}{nested}{unit}"
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)


def _property(definition: Json) -> Json:
    if "dataType" not in definition:  # all that it doesn't say is inherited
        return _pick(definition, definition)
    data_type = _shown_type(definition["dataType"])
    return {"dataType": data_type} | _pick(definition, (*FLAGS, "defaultValue", "configuration"))


def _shown_type(data_type: Json) -> Json:
    nested = data_type.get("nestedType")
    members = ("type", "unitOfMeasure", "allowedValues", "relationship")
    return _pick(data_type, members) | {"nestedType": nested and _shown_type(nested)}


def _function(function: Json) -> Json:
    implementation = function.get("implementedBy") or {}
    arn = (implementation.get("lambda") or {}).get("arn")
    members = _pick(implementation, ("isNative",)) | _pick(function, ("requiredProperties",))
    return {"points at": arn} | members


def _pick(shown: Json, members: Iterable[str]) -> Json:
    """Pick members; one that is empty or false says the same as one that is missing."""
    return {member: shown.get(member) or None for member in members}


def _required(described: Json) -> set[str]:
    definitions = described.get("propertyDefinitions", {}).items()
    return {name for name, each in definitions if each.get("isRequiredInEntity")}


class ComponentTypes(Resources):
    """Component types, each wanted as `component_type` describes it."""

    kind = "component type"
    id_member = "componentTypeId"

    def compare(self, resource_id: str, shown: Json) -> tuple[list[str], Json]:
        """Compare properties and functions; see `Resources.compare`."""
        wanted = self.wanted[resource_id]
        different = differences(wanted, shown)
        members = wanted if self.status(shown)["state"] == "ERROR" else different
        lines = [line for lines in different.values() for line in lines]
        return lines, {member: wanted[member] for member in members}

    def plan(self, *, adopt: bool) -> list[Planned]:
        """Compare as `Resources.plan` does, and refuse what TwinMaker would."""
        planned = super().plan(adopt=adopt)
        for each in planned:
            if each.shown is not None:
                self._check_values(each.change.id, each.shown)
        return planned

    def _check_values(self, type_id: str, shown: Json) -> None:
        """Refuse to require values of entities that are there without them.

        It happens if a type of a device's own becomes a shared one, or a shared one gets a constant.
        """
        wanted, found = (_required(each) for each in (self.wanted[type_id], shown))
        if wanted <= found:
            return
        users = [each["entityId"] for each in self.workspace.entities(componentTypeId=type_id)]
        if users:
            raise RegistrationError(
                f"The component type {type_id} would require {', '.join(sorted(wanted - found))} of its "
                f"entities, which TwinMaker refuses while there are any without: {first_few(users)}. "
                "Delete these and run this with --entities, which makes them anew; or give the devices "
                "another componentType."
            )

    def own(self) -> Json:
        """Find those that were made for the twin, wanted or not; return their summaries by id."""
        beginning = component_type_prefix(self.workspace.twin.name)
        return {
            summary["componentTypeId"]: summary
            for summary in self.workspace.component_types()
            if summary["componentTypeId"].startswith(beginning) and self.workspace.owns(summary)
        }

    def functions_of(self, type_id: str) -> set[str]:
        """Return the ARNs of the functions that a type points at."""
        functions = (self.look(type_id) or {}).get("functions", {}).values()
        used = [each.get("implementedBy", {}).get("lambda") for each in functions]
        return {each["arn"] for each in used if each}

    def left_over(self) -> list[Change]:
        """Find those that were made for the twin and aren't wanted any more."""
        reason = "no device in the configuration has it; --prune removes it"
        return [
            Change(self.kind, type_id, Outcome.LEFT_OVER, (reason,))
            for type_id, summary in self.own().items()
            if type_id not in self.wanted and summary.get("status", {}).get("state") != "DELETING"
        ]
