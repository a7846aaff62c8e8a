"""The twin that a function belongs to: `DIGITAL_TWIN_INFO`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chalicelib.model.data_value import DataType
from chalicelib.model.errors import ConfigurationError, InvalidQueryError
from chalicelib.model.layout import PROVIDER_RULE, PROVIDER_SPELLINGS, ProviderLayout
from chalicelib.model.query import DeclaredDevice
from chalicelib.settings.environment import required

if TYPE_CHECKING:
    from chalicelib.settings.environment import Environment

_TWIN_INFO_EXAMPLE: Final = (
    '{"config": {"digital_twin_name": "my-twin"}, "config_providers": '
    '{"layer_3_hot_provider": "azure", "layer_4_provider": "aws"}}'
)


DEVICES_DIRECTORY: Final = Path(__file__).parents[1]
"""The directory, packaged with every function, of the files that `config_iot_devices` may name."""


@dataclass(frozen=True, slots=True)
class DigitalTwinInfo:
    """The content of `DIGITAL_TWIN_INFO`.

    Attributes
    ----------
    name
        The twin's name; component types of the larger deployer start with it.
    layout
        The providers.
    devices
        What the configuration says of each listed device. Empty if none is listed.
    """

    name: str
    layout: ProviderLayout
    devices: Mapping[str, DeclaredDevice]

    @classmethod
    def load(cls, environment: Environment) -> DigitalTwinInfo:
        """Read `DIGITAL_TWIN_INFO`.

        Raises
        ------
        ConfigurationError
            It is missing, isn't JSON, or lacks a part.
        """
        text = required(environment, "DIGITAL_TWIN_INFO", _TWIN_INFO_EXAMPLE)
        try:
            document = json.loads(text)
        except ValueError as error:
            raise ConfigurationError(
                f"DIGITAL_TWIN_INFO isn't JSON ({error}); it should look like {_TWIN_INFO_EXAMPLE}"
            ) from error
        name = _member(_member(document, "config"), "digital_twin_name")
        providers = _member(document, "config_providers")
        if not isinstance(name, str) or not name.strip():
            raise _twin_info_error("config.digital_twin_name must be a name")
        layout = ProviderLayout(
            _provider(providers, "layer_3_hot_provider"), _provider(providers, "layer_4_provider")
        )
        return cls(name.strip(), layout, _devices(document.get("config_iot_devices") or []))


def _twin_info_error(problem: str) -> ConfigurationError:
    return ConfigurationError(f"DIGITAL_TWIN_INFO: {problem}. Example: {_TWIN_INFO_EXAMPLE}")


def _member(document: Any, name: str) -> Any:
    if not isinstance(document, Mapping) or name not in document:
        raise _twin_info_error(f"{name} is missing")
    return document[name]


def _provider(providers: Any, key: str) -> str:
    name = _member(providers, key)
    provider = PROVIDER_SPELLINGS.get(str(name).strip().lower())
    if provider is None:
        raise _twin_info_error(f"{key} is {name!r}; it must be {PROVIDER_RULE}")
    return provider


def _listed(name: str) -> Any:
    """Read the list of devices from a file of the package."""
    if Path(name).name != name:
        raise _twin_info_error(f"config_iot_devices is {name!r}, which isn't a file's name")
    try:
        return json.loads((DEVICES_DIRECTORY / name).read_bytes())
    except (OSError, ValueError) as error:
        raise _twin_info_error(
            f"config_iot_devices is the file {name}, which can't be read from the package ({error}); "
            "write it anew with the deploy scripts, and deploy"
        ) from error


def _devices(listed: Any) -> dict[str, DeclaredDevice]:
    if isinstance(listed, str):
        listed = _listed(listed)
    if not isinstance(listed, list):
        raise _twin_info_error("config_iot_devices must be a list, or the name of a file with one")
    devices: dict[str, DeclaredDevice] = {}
    for number, device in enumerate(listed):
        where = f"config_iot_devices[{number}]"
        try:
            device_id = device["id"]
            constants = device.get("constProperties", [])
            declared = DeclaredDevice(
                types={
                    str(each["name"]): DataType.parse(each["dataType"], f"{where}.{each['name']}")
                    for each in [*device["properties"], *constants]
                },
                sources={
                    str(each["name"]): str(each["source"])
                    for each in device["properties"]
                    if each.get("source")
                },
                constants={str(each["name"]): each["value"] for each in constants},
                component_type=device.get("componentType"),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise _twin_info_error(
                f"{where} must have an id and properties, each with a name and a dataType, and "
                "constProperties, if any, with a value, too"
            ) from error
        except InvalidQueryError as error:
            raise _twin_info_error(str(error)) from error
        if not isinstance(device_id, str) or not device_id or device_id in devices:
            raise _twin_info_error(f"{where}.id must be a unique string")
        if declared.component_type is not None and not isinstance(declared.component_type, str):
            raise _twin_info_error(f"{where}.componentType must be a string")
        devices[device_id] = declared
    return devices
