"""The hops of reads through TwinMaker."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.model.timestamps import utc_text
from deploy_scripts.verify.diagnosis import read_advice
from deploy_scripts.verify.endpoint import HOUR, MAX_RESULTS
from deploy_scripts.verify.hop import BrokenHopError, Passed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deploy_scripts.verify.twinmaker import Readable


@dataclass(frozen=True, slots=True)
class LastEntriesHop:
    """GetPropertyValue answers for each device."""

    twinmaker: Any
    workspace_id: str
    readables: tuple[Readable, ...]

    title = "TwinMaker GetPropertyValue"

    def run(self) -> Passed[None]:
        """Read; see `Hop.run`."""
        shown = []
        for each in self.readables:
            names = [prop.name for prop in each.device.properties]
            if each.entity_id is None or not names:
                continue  # it reads telemetry by entity only
            with _reading(each):
                answer = self.twinmaker.get_property_value(
                    workspaceId=self.workspace_id, selectedProperties=names, **each.target
                )
            shown.append(f"{each.device.id}: {len(answer.get('propertyValues', {}))} values")
        return Passed(", ".join(shown) or "left out: it reads by entity, and there is none", None)


@dataclass(frozen=True, slots=True)
class HistoryHop:
    """GetPropertyValueHistory answers for each device."""

    twinmaker: Any
    workspace_id: str
    readables: tuple[Readable, ...]

    title = "TwinMaker GetPropertyValueHistory"

    def run(self) -> Passed[None]:
        """Read; see `Hop.run`."""
        shown = []
        for each in self.readables:
            names = [prop.name for prop in each.device.properties]
            if not names:
                continue
            with _reading(each):
                answer = twinmaker_history(self.twinmaker, self.workspace_id, each, names)
            count = sum(len(part.get("values", [])) for part in answer["propertyValues"])
            shown.append(f"{each.device.id}: {count} values")
        return Passed(f"last hour, at most {MAX_RESULTS}: {', '.join(shown)}", None)


def twinmaker_history(
    twinmaker: Any,
    workspace_id: str,
    readable: Readable,
    names: Sequence[str],
    *,
    max_results: int = MAX_RESULTS,
    descending: bool = False,
) -> dict[str, Any]:
    """Read a page of the last hour of a device through TwinMaker."""
    now = time.time_ns()
    answer: dict[str, Any] = twinmaker.get_property_value_history(
        workspaceId=workspace_id,
        selectedProperties=list(names),
        startTime=utc_text(now - HOUR, 3),
        endTime=utc_text(now, 3),
        maxResults=max_results,
        orderByTime="DESCENDING" if descending else "ASCENDING",
        **readable.target,
    )
    return answer


@contextmanager
def _reading(readable: Readable) -> Iterator[None]:
    """Say in a read's error which device it was about, and what to do."""
    try:
        yield
    except ClientError as error:
        details = error.response.get("Error", {})
        code = details.get("Code", "")
        raise BrokenHopError(
            f"{readable.device.id}: {error.operation_name} failed: {code}: {details.get('Message')}",
            read_advice(code),
        ) from error
