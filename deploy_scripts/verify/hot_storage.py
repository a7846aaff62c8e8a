"""The hop of the hot storage: what its readers answered, and what is stored in it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.model.errors import ConfigurationError, HotReaderError, HotStoreError
from chalicelib.model.reads import HISTORY, LAST_ENTRY
from chalicelib.settings.hot_reader import HotReaderSettings
from deploy_scripts.project_files.storage import STORAGE_FILE
from deploy_scripts.providers import PROVIDERS
from deploy_scripts.verify.diagnosis import aws_problem
from deploy_scripts.verify.hop import BrokenHopError, Finding, side_by_side
from deploy_scripts.verify.samples import Judgement, ids_of, in_words, judge, other_devices
from deploy_scripts.wording import first_few, short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.model.entries import DeviceId
    from chalicelib.settings.environment import Environment
    from deploy_scripts.project_files.twin_configuration import Device
    from deploy_scripts.verify.endpoint import EndpointAnswer

    Entries = Sequence[Mapping[str, Any]]

_AGAIN: Final = f"Write the settings into {STORAGE_FILE} (docs/configuration.md), and deploy the Hot Readers again."


@dataclass(frozen=True, slots=True)
class Storage:
    """The hot storage as it may be looked into."""

    provider: str
    environment: Environment  # the settings of its Hot Readers, as far as they are known here
    devices: Sequence[Device]

    def look(self, *, readers_can: bool) -> tuple[str, Sequence[Judgement]]:
        """Look at the oldest and newest entries of each device, without a range.

        `readers_can`: True if the Hot Readers were seen to read the storage: then what keeps this machine
        from it, such as a firewall, says nothing about them.
        Returns what was looked at, or why it couldn't be, in words; and what was found of each device.
        """
        devices = [each for each in self.devices if each.properties]
        try:
            settings = HotReaderSettings.load(self.environment)
            probe = PROVIDERS[self.provider].probe(self.environment)
            ids = [_stored_id(each, settings) for each in devices]
            ends = side_by_side(lambda each: () if each is None else probe.ends(each), ids)
            some = () if all(ends) else probe.some()
        except ConfigurationError as error:
            return self._not_looked(error), ()
        except HotReaderError as error:
            if readers_can:
                return self._not_looked(error), ()
            raise BrokenHopError(str(error), _AGAIN) from error
        except (BotoCoreError, ClientError) as error:
            problem, advice = aws_problem(error)
            if not readers_can and "ResourceNotFound" in problem:
                raise BrokenHopError(problem, advice) from error
            return self._not_looked(problem), ()
        except Exception as error:  # noqa: BLE001 - each SDK has errors of its own
            return self._not_looked(error), ()
        return f"looked into {probe.place}", self._judged(devices, ends, some, settings)

    def _not_looked(self, reason: object) -> str:
        store = PROVIDERS[self.provider].store
        return (
            f"what is stored in {store} wasn't looked at: {short(reason)} (it is with its place in "
            "config_storage.json or environment variables, and your credentials, as for load-telemetry)"
        )

    def _judged(
        self,
        devices: Sequence[Device],
        ends: Sequence[Entries],
        some: Entries,
        settings: HotReaderSettings,
    ) -> list[Judgement]:
        """Judge each device by its ends, or else by some entries of whatever device."""
        # A query in the order of a field doesn't find entries without it.
        of = [
            pair for pair in zip(ids_of(some, settings), some, strict=True) if pair[0] is not None
        ]
        found = [
            entries or [entry for its, entry in of if its == _stored_id(device, settings)]
            for device, entries in zip(devices, ends, strict=True)
        ]
        without = {each.id for each, entries in zip(devices, found, strict=True) if not entries}
        known = {each.id for each in self.devices}
        others = dict(other_devices(without, known, some, settings))
        return [
            judge(device, entries, settings) if entries else Judgement(device.id, None, others)
            for device, entries in zip(devices, found, strict=True)
        ]


def _stored_id(device: Device, settings: HotReaderSettings) -> DeviceId | None:
    """Return a device's id as it is stored; None if it can't be stored so."""
    if not settings.numeric_device_ids:
        return device.id
    try:
        return Decimal(device.id)
    except InvalidOperation:
        return None


def check_hot_storage(
    storage: Storage, answers: Sequence[EndpointAnswer], device_id: str
) -> Finding[int]:
    """Judge the hot storage by what its endpoints answered for a device, and by what is stored.

    It is broken if the Hot Readers can't read it, or nothing of any device that has entries. The value
    is 0 if there is no sign of a value of any device.
    """
    trouble = next((each for each in answers if each.is_store_trouble), None)
    try:
        looked, judged = storage.look(readers_can=bool(answers) and trouble is None)
        _check_readable(judged)
    except BrokenHopError as error:
        if trouble is None:
            raise
        problem = f"The Hot Reader couldn't read: {trouble}. {error.problem}"
        raise BrokenHopError(problem, error.advice) from error
    if trouble is not None:
        raise BrokenHopError(f"The Hot Reader couldn't read: {trouble}.", _advice(trouble))
    counts = {each.read: _values(each) for each in answers}
    details = (
        [
            f"{device_id}: {counts[HISTORY]} values of the last hour, {counts[LAST_ENTRY]} of its newest entry"
        ]
        if counts
        else []
    )
    warnings = [
        f"{device_id}: {each.read.hot_reader} left out {each.left_out}. Its log has examples under the "
        f"trace id {each.trace_id}."
        for each in answers
        if each.left_out
    ]
    warnings += [f"{flaw}: {cure}." for flaw, cure in in_words(judged)]
    readable = [each for each in judged if each.readable]
    empty = [each.device_id for each in judged if each.newest is None and not each.remarks]
    if readable:
        newest = max(readable, key=lambda each: each.newest or "")
        looked += f": entries of {len(readable)} devices, the newest at {newest.newest} of {newest.device_id}"
    if empty:
        looked += f"; nothing of {first_few(empty)} yet"
    signs = sum(counts.values()) + len(readable)
    return Finding("; ".join([*details, looked]), signs, tuple(warnings))


def _advice(trouble: EndpointAnswer) -> str:
    if trouble.status == 503:
        return "The store is unavailable or throttles: run this again later."
    if trouble.error and trouble.error["code"] == HotStoreError.code:
        return (
            "The store refuses for good: the Hot Reader's log says under the trace id which setting, "
            "index or permission to change."
        )
    return (
        "The Hot Reader's log has the reason under the trace id: often its settings (table, token) or a "
        "permission. Without a trace id there, it can't start."
    )


def _check_readable(judged: Sequence[Judgement]) -> None:
    fatal = [each for each in judged if any(remark.fatal for remark in each.remarks)]
    if not fatal or any(each.readable for each in judged):
        return
    flaws, cures = zip(*in_words(fatal), strict=True)
    advice = "; ".join(dict.fromkeys(cures))
    raise BrokenHopError(
        f"Nothing that is stored can be read. {'; '.join(flaws)}.",
        f"{advice[0].upper()}{advice[1:]}. {_AGAIN}",
    )


def _values(answer: EndpointAnswer) -> int:
    found = answer.document["propertyValues"]
    if answer.read is LAST_ENTRY:
        return len(found)
    return sum(len(each["values"]) for each in found)
