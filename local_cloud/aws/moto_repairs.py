"""Repairs of moto: methods of its classes that are wrapped, or added, as long as accounts are served."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

Method = Callable[..., Any]
Repair = tuple[type, str, Callable[[Any], Method]]
"""A method of moto's to wrap: its class, its name, and a function that wraps it (None if it lacks it)."""

_originals: Final[list[tuple[type, str, Method | None]]] = []


def apply(repairs: Iterable[Repair]) -> None:
    """Wrap methods of moto's."""
    for owner, name, wrap in repairs:
        original = getattr(owner, name, None)
        _originals.append((owner, name, original))
        setattr(owner, name, wrap(original))


def take_back() -> None:
    """Give moto its own methods back."""
    while _originals:
        owner, name, original = _originals.pop()
        if original is None:
            delattr(owner, name)
        else:
            setattr(owner, name, original)
