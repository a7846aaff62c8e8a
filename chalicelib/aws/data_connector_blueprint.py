"""The data connectors' registration with Chalice, for `chalice deploy`.

Lambda runs them without this module and without Chalice: their cold start counts.
"""

from __future__ import annotations

from typing import Final

from chalice import Blueprint

from chalicelib.aws import data_connector_functions
from chalicelib.model.reads import HISTORY, LAST_ENTRY

functions: Final = Blueprint(data_connector_functions.__name__)

for _name, _function in (
    (HISTORY.data_connector, data_connector_functions.digital_twin_data_connector),
    (LAST_ENTRY.data_connector, data_connector_functions.digital_twin_data_connector_last_entry),
):
    functions.lambda_function(name=_name)(_function)
