"""An answer of which tests say what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from chalicelib.model.results import Flaws


@dataclass(frozen=True)
class StatedAnswer:
    document: dict[str, Any]
    values: int
    flaws: Flaws

    @property
    def more(self) -> bool:
        return "nextToken" in self.document

    def to_json(self) -> bytes:
        return orjson.dumps(self.document)
