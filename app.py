"""The whole system's surface on AWS: what each provider layout deploys.

Chalice loads this file with the stage's environment, so that only what the layout needs is deployed.
"""

import os

from chalicelib.aws.function_url import HotReaderApp
from chalicelib.model.layout import APP_NAME, aws_surface
from chalicelib.model.reads import HISTORY
from chalicelib.settings.digital_twin_info import DigitalTwinInfo

app = HotReaderApp(app_name=APP_NAME)

surface = aws_surface(
    DigitalTwinInfo.load(os.environ).layout,
    # On one cloud, connectors are for component types that still point at them.
    local_connectors=HISTORY.local_function_setting in os.environ,
)

if surface.hot_readers:
    # Lambda functions: hot-reader, hot-reader-last-entry
    from chalicelib.aws.hot_reader_functions import functions as hot_readers

    app.register_blueprint(hot_readers)

if surface.endpoints:
    # HTTP: /hot-reader, /hot-reader-last-entry
    from chalicelib.aws.api_gateway import BY_PATH, endpoints

    app.register_blueprint(endpoints)
    app.serve_function_url(BY_PATH)

if surface.data_connectors:
    # Lambda functions: digital-twin-data-connector, digital-twin-data-connector-last-entry
    from chalicelib.aws.data_connector_blueprint import functions as data_connectors

    app.register_blueprint(data_connectors)
