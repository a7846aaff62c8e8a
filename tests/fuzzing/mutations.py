"""Random changes of JSON documents and of bytes."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[Any, ...]

_DEEPEST_CHANGE = 12


def _deep() -> Any:
    nested: Any = []
    for _ in range(600):
        nested = [nested]
    return nested


_STRINGS = [
    "",
    "\x00",
    "\ud800",
    "x" * 3_000,
    "2026-01-30T17:00:00",
    "2026-01-30T17:00:00.0000000001Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999+14:00",
    "NaN",
    "1e400",
    "../../etc/passwd",
    "' OR 1=1 --",
    "__name__",
    "`a`.`b`",
    "<script>alert(1)</script>",
    "ASCENDING",
    "DOUBLE",
]
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(st.characters(exclude_categories=()), max_size=20),
    st.sampled_from(_STRINGS),
    # Made anew each time, as a later change may change them, too.
    st.sampled_from(
        ["[]", "{}", "[[]]", "[{}]", '{"": {}}', '["a", "a"]', '{"doubleValue": 1}']
    ).map(json.loads),
    st.builds(_deep),
)
"""Values that a key may have and shouldn't."""


def _paths(document: Any, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    children: Any = ()
    if len(path) == _DEEPEST_CHANGE:
        return
    if isinstance(document, dict):
        children = document.items()
    elif isinstance(document, list):
        children = enumerate(document)
    for key, child in children:
        yield from _paths(child, (*path, key))


@st.composite
def mutated(draw: st.DrawFn, document: Any) -> Any:
    """Replace, take out or add a few parts of a document."""
    changed = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        paths = list(_paths(changed))
        if not paths:
            return changed
        *way, last = draw(st.sampled_from(paths))
        parent = changed
        for key in way:
            parent = parent[key]
        how = draw(st.sampled_from(["replace", "replace", "delete", "add"]))
        if how == "delete":
            del parent[last]
        elif how == "add" and isinstance(parent, dict):
            parent[draw(st.text(max_size=5))] = draw(odd)
        else:
            parent[last] = draw(odd)
    return changed


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Flip, cut out or put in a few bytes."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(changed)))
        how = draw(st.sampled_from(["flip", "cut", "insert", "end"]))
        if how == "flip" and at < len(changed):
            changed[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "cut":
            del changed[at : at + draw(st.integers(1, 8))]
        elif how == "end":
            del changed[at:]
        else:
            changed[at:at] = draw(st.binary(min_size=1, max_size=8))
    return bytes(changed)
