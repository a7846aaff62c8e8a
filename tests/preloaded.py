"""Imported by the process that `forked` forks from: what the verbs, `chalice` and app.py would load anew.

Nothing here reads the environment, which is each fork's own.
"""

# ruff: noqa: F401

from __future__ import annotations

import functools
import gc

import boto3
import botocore.session
import chalice.cli
import chalice.deploy.deployer
from botocore.loaders import create_loader

import chalicelib.data_connector.data_connector
import chalicelib.http.hot_reader_endpoints
import chalicelib.observability.powertools
import chalicelib.stores.dynamodb.store
import deploy_scripts.__main__
import deploy_scripts.deployment.chalice_stage
from tests import forked
from tests.deploy import verbs

botocore.session.create_loader = functools.cache(create_loader)
for service in ("apigateway", "dynamodb", "iam", "iottwinmaker", "lambda", "logs", "ssm", "sts"):
    # Without credentials botocore would look for some, on the network last.
    boto3.client(
        service,
        region_name="eu-central-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
    )
boto3.DEFAULT_SESSION = None
gc.freeze()  # the forks share it all as long as their garbage collectors don't touch it
