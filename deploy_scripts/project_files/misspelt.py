"""Misspelt keys: an unknown key is ignored, unless it is likely one of ours."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from deploy_scripts.project_files.strict_json import Place

_SHORTEST_PREFIX: Final = 4
"""Letters and digits of a key that may be the beginning of a longer one."""


def misspelt(
    document: Any, kind: str, keys: Mapping[str, Collection[str]]
) -> Iterator[tuple[Place, str]]:
    """Yield the place of each misspelt key, and the key that was meant and isn't there.

    The document is an object, or a list of objects, of a kind, which is one of `keys`: the keys of the objects
    of each kind. What is under a key that is a kind is of that kind.
    """
    waiting: list[tuple[Place, str, Any]] = [((), kind, document)]
    for place, its_kind, value in waiting:
        if isinstance(value, list):
            waiting += [((*place, number), its_kind, each) for number, each in enumerate(value)]
        elif isinstance(value, dict):
            known = keys[its_kind]
            inner = [key for key in known if key in keys and key in value]
            waiting += [((*place, key), key, value[key]) for key in inner]
            absent = [key for key in known if key not in value]
            for key in value:
                if key not in known and (close := meant(key, absent)):
                    yield (*place, key), close


def meant(key: str, known: Iterable[str], *, cutoff: float = 0.86) -> str | None:
    """Return the known key that a key is likely a misspelling of; None if it is like none.

    Keys of other layers may differ in a digit only, so the digits must agree.

    Examples
    --------
    >>> meant("unitOfMesure", ["name", "unitOfMeasure"])
    'unitOfMeasure'
    >>> meant("layer_4", ["layer_3_hot_provider", "layer_4_provider"])
    'layer_4_provider'
    >>> meant("layer_5_provider", ["layer_3_hot_provider", "layer_4_provider"])
    """
    plain = _plain(key)
    likely = {_plain(each): each for each in known if _digits(each) == _digits(key)}
    if len(plain) >= _SHORTEST_PREFIX:
        for spelled, each in likely.items():
            if spelled.startswith(plain):
                return each
    close = get_close_matches(plain, likely, n=1, cutoff=cutoff)
    return likely[close[0]] if close else None


def _plain(key: str) -> str:
    return re.sub(r"[\W_]", "", key).lower()


def _digits(key: str) -> str:
    return re.sub(r"\D", "", key)
