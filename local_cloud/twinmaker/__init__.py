"""The local TwinMaker: AWS IoT TwinMaker's REST API on loopback, for trying connectors.

Examples
--------
>>> import boto3
>>> from botocore.config import Config
>>> from local_cloud.twinmaker import LocalTwinMaker
>>> with LocalTwinMaker(invoke=lambda arn, event: {"propertyValues": []}) as twinmaker:
...     client = boto3.client(
...         "iottwinmaker",
...         endpoint_url=twinmaker.url,
...         region_name="eu-central-1",
...         aws_access_key_id="local",
...         aws_secret_access_key="local",
...         config=Config(inject_host_prefix=False),
...     )
...     client.create_workspace(workspaceId="factory")["arn"]
'arn:aws:iottwinmaker:eu-central-1:123456789012:workspace/factory'
"""

from __future__ import annotations

from .server import LocalTwinMaker

__all__ = ["LocalTwinMaker"]
