"""Tells Chalice of the data connectors; Lambda runs them without this module and without Chalice."""

from __future__ import annotations

from typing import Final

from chalice import Blueprint

from chalicelib.aws import data_connector_functions
from chalicelib.model.layout import DATA_CONNECTORS

functions: Final = Blueprint(data_connector_functions.__name__)

for _name, _function in zip(
    DATA_CONNECTORS,
    (
        data_connector_functions.digital_twin_data_connector,
        data_connector_functions.digital_twin_data_connector_last_entry,
    ),
    strict=True,
):
    functions.lambda_function(name=_name)(_function)
