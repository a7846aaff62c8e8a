"""The states that a component type or an entity goes through, without any waiting.

A change shows exactly twice: in the answer to the call that made it, and in the next answer that
shows the thing's state or refuses a call because of it. From then on the thing is settled. So a
caller that polls always polls once in vain, a caller that doesn't poll is refused, and nobody
waits for a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

State = Literal["CREATING", "UPDATING", "DELETING", "ACTIVE", "ERROR"]
"""The values of the service model's shape ``State``."""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The state of a thing between its last change and rest.

    Attributes
    ----------
    state : str
        The state that answers show now.
    problem : str
        The reason why the thing ends in ERROR; empty if it doesn't.
    """

    state: State
    problem: str = ""

    @property
    def changing(self) -> bool:
        """True if the thing isn't settled yet."""
        return self.state in {"CREATING", "UPDATING", "DELETING"}

    def settled(self) -> Lifecycle | None:
        """Return the state after this one has been seen; None if the thing is gone then."""
        if self.state == "DELETING":
            return None
        if self.problem:
            return Lifecycle("ERROR", self.problem)
        return Lifecycle("ACTIVE")

    def to_status(self) -> dict[str, Any]:
        """Write a ``Status``. An empty ``error`` is there without an error too, as TwinMaker's."""
        if self.state != "ERROR":
            return {"state": self.state, "error": {}}
        return {"state": "ERROR", "error": {"code": "VALIDATION_ERROR", "message": self.problem}}
