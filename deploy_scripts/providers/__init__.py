"""One description per provider, in the module of the provider's name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from chalicelib.model.layout import PROVIDER_SPELLINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy_scripts.providers.provider import Functions, Provider

PROVIDERS: Final[Mapping[str, Provider]] = {
    name: import_module(f"{__name__}.{name}").PROVIDER
    for name in dict.fromkeys(PROVIDER_SPELLINGS.values())
}
"""Every provider's description, by its name in configurations."""
PACKAGED: Final[Mapping[str, Functions]] = {
    name: provider.functions for name, provider in PROVIDERS.items() if provider.functions
}
"""The functions of each provider that Chalice can't deploy to."""
