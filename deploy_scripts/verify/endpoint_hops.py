"""The hops of the HTTP endpoints and of the hot storage behind them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn

from chalicelib.model.reads import LAST_ENTRY
from deploy_scripts.verify.diagnosis import refusal_advice
from deploy_scripts.verify.hop import BrokenHopError, Passed

if TYPE_CHECKING:
    from chalicelib.model.query import LastEntryQuery
    from deploy_scripts.verify.endpoint import Endpoint, EndpointAnswer

_STORE_TROUBLE: Final = frozenset({500, 503})


@dataclass(frozen=True, slots=True)
class EndpointHop:
    """An endpoint is there, refuses a wrong token and accepts the right one."""

    endpoint: Endpoint
    query: LastEntryQuery
    token: str = field(repr=False)

    @property
    def title(self) -> str:
        """Which endpoint."""
        return f"endpoint {self.endpoint.read.hot_reader}"

    def run(self) -> Passed[EndpointAnswer]:
        """Ask it twice; see `Hop.run`.

        An answer that tells of trouble behind the endpoint is passed on to `StoreHop`.
        """
        refusal = self.endpoint.ask(self.query, secrets.token_urlsafe(32))
        if refusal.status not in _STORE_TROUBLE:
            self._check_refusal(refusal)
        answer = self.endpoint.ask(self.query, self.token)
        where = self.endpoint.public_url
        if answer.status in _STORE_TROUBLE:
            return Passed(f"{where} answers, though with a {answer.status}", answer)
        if answer.status != 200:
            self._refused(answer)
        if refusal.status != 401:
            self._check_refusal(refusal)
        self._check_shape(answer)
        return Passed(f"{where}: a wrong token is refused, the right one accepted", answer)

    def _check_refusal(self, answer: EndpointAnswer) -> None:
        if answer.status == 401 and answer.error is not None:
            return
        if answer.status == 401:
            raise BrokenHopError(
                "A wrong token is refused, but not by a Hot Reader: the 401 isn't the contract's.",
                "Something before the endpoint wants a login (a function key, IAM, a proxy). Let "
                "requests through to the Hot Reader, which checks the token itself.",
            )
        if answer.status == 200:
            raise BrokenHopError(
                "A wrong token is accepted: anyone can read the telemetry.",
                "Take the endpoint off the network now. Then check that the URL is a Hot Reader's, "
                "and deploy that again.",
            )
        self._refused(answer)

    def _refused(self, answer: EndpointAnswer) -> NoReturn:
        raise BrokenHopError(
            f"{self.endpoint.public_url} answers {answer.in_words} (trace id {answer.trace_id}).",
            refusal_advice(answer.status),
        )

    def _check_shape(self, answer: EndpointAnswer) -> None:
        values = (
            answer.document.get("propertyValues") if isinstance(answer.document, dict) else None
        )
        if self.endpoint.read is LAST_ENTRY:
            fits = isinstance(values, dict) and all(
                isinstance(each, dict) and isinstance(each.get("propertyValue"), dict)
                for each in values.values()
            )
        else:
            fits = isinstance(values, list) and all(
                isinstance(each, dict) and isinstance(each.get("values"), list) for each in values
            )
        if not fits:
            raise BrokenHopError(
                f"{self.endpoint.public_url} answers 200, but not as the contract has it for the "
                f"{self.endpoint.read.title} (docs/openapi.yaml).",
                "Check that the URL is a Hot Reader's, and that the two URLs aren't swapped.",
            )


@dataclass(frozen=True, slots=True)
class StoreHop:
    """The hot storage could be read."""

    answers: tuple[EndpointAnswer, ...]
    device_id: str

    title = "hot storage"

    def run(self) -> Passed[None]:
        """Judge what the endpoints answered; see `Hop.run`."""
        for answer in self.answers:
            if answer.status in _STORE_TROUBLE:
                raise BrokenHopError(
                    f"The Hot Reader couldn't read: {answer.in_words} (trace id {answer.trace_id}).",
                    "The store is away, throttles, or refuses."
                    if answer.status == 503
                    else "The Hot Reader's log has the reason under the trace id: often its settings "
                    "(table, token) or a permission. Without a trace id there, it can't start.",
                )
        history, last_entry = (answer.document["propertyValues"] for answer in self.answers)
        count = sum(len(each["values"]) for each in history)
        if not last_entry:
            return Passed(f"readable, but it has nothing of {self.device_id} yet", None)
        return Passed(f"{self.device_id}: {count} values of the last hour, and a last entry", None)
