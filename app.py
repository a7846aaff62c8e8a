"""The whole system's surface on AWS: what each provider layout deploys.

Chalice loads this file with the stage's environment, so that only what the layout needs is deployed.
"""

import os

from chalice import Chalice

from chalicelib.settings import DigitalTwinInfo

app = Chalice(app_name="multi-cloud-hot-reader")

layout = DigitalTwinInfo.load(os.environ).layout

if layout.layer_3_hot == "aws" and layout.layer_4 == "aws":
    # Lambda functions: hot-reader, hot-reader-last-entry
    from chalicelib.hot_reader_functions import functions as hot_readers

    app.register_blueprint(hot_readers)

if layout.layer_3_hot == "aws" and layout.layer_4 != "aws":
    # HTTP: /hot-reader, /hot-reader-last-entry
    from chalicelib.http_endpoints import endpoints

    app.register_blueprint(endpoints)

if layout.layer_4 == "aws" and (layout.crosses_clouds or "LOCAL_HOT_READER_NAME" in os.environ):
    # Lambda functions: digital-twin-data-connector, digital-twin-data-connector-last-entry; on one
    # cloud only for component types that still point at them
    from chalicelib.data_connector_functions import functions as data_connectors

    app.register_blueprint(data_connectors)
