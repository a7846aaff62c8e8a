"""AWS on this machine: a moto server whose Lambda functions run.

`LocalAws` serves moto on a loopback port, in this process, for unmodified SDKs and for the
``chalice`` command line. Three repairs make it fit for a real deployment: `moto_chalice` lets
``chalice deploy`` through, Invoke runs the function's deployed package in a `LambdaRuntime` where
moto itself would want a Docker engine, and `function_urls` answers at Function URLs.

Examples
--------
>>> with LocalAws() as aws:
...     arn = aws.create_function(
...         "hello", handler="app.handler", source=Path("src"), include=["app.py"], environment={}
...     )
...     aws.client("lambda").invoke(FunctionName="hello")["Payload"].read()
b'"hello"'
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, Self

import boto3
import botocore.session
from botocore.config import Config

from local_cloud.aws.deployment_package import zip_of
from local_cloud.aws.lambda_runtime.environment import DUMMY_CREDENTIALS
from local_cloud.aws.moto_server import MotoServer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_FUNCTION_ROLE: Final = "local-aws-function"
_LAMBDA_MAY_ASSUME: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}

logger = logging.getLogger(__name__)


class LocalAws:
    """An AWS account and region on this machine; a context manager.

    Each running instance is an account of its own, so two of them in one process share nothing.
    SDKs in this process that point elsewhere aren't affected: moto serves, it doesn't patch them.

    Parameters
    ----------
    port
        The port to listen on, on loopback; 0 takes a free one.

    Attributes
    ----------
    endpoint_url
        The value for ``AWS_ENDPOINT_URL``, once started.
    region
        The region.
    account_id
        The account's number, 12 digits, once started.
    credentials
        ``AWS_ACCESS_KEY_ID`` and the like: worth nothing, but SDKs insist on some.
    environment
        The variables of a subprocess that uses this account, once started.
    """

    region: Final = "eu-central-1"

    def __init__(self, *, port: int = 0) -> None:
        self.credentials: dict[str, str] = dict(DUMMY_CREDENTIALS)
        self._port = port
        self._elsewhere: dict[str, str] = {}
        self._running: MotoServer | None = None
        self._session = _bare_session()
        self._session_lock = threading.Lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def endpoint_url(self) -> str:
        """``http://HOST:PORT`` of the running server."""
        return self._need_running().endpoint_url

    @property
    def account_id(self) -> str:
        """The account's number."""
        return self._need_running().account_id

    @property
    def environment(self) -> dict[str, str]:
        """Variables for a subprocess: endpoints, region, dummy credentials."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            **self._redirections,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.credentials,
        }

    def start(self) -> None:
        """Start to serve an empty account.

        Raises
        ------
        OSError
            If the port is in use.
        RuntimeError
            If it is running already.
        """
        if self._running is not None:
            message = "This LocalAws is running already: stop() it first, or make another one."
            raise RuntimeError(message)
        self._running = MotoServer(self._port)

    def stop(self) -> None:
        """Stop serving, end all workers and drop the account; can be called twice."""
        running, self._running = self._running, None
        self._elsewhere.clear()
        if running is not None:
            running.stop()

    def redirect(self, service: str, url: str) -> None:
        """Let another server answer for a service of the running account.

        Clients and functions' workers that start from now on ask it, unless a function's own
        variables say otherwise.

        Parameters
        ----------
        service
            A service name of boto3, such as ``dynamodb``.
        url
            The server's URL.
        """
        self._elsewhere[service] = url
        self._need_running().runtime.set_extra_environment(self._redirections)

    @property
    def _redirections(self) -> dict[str, str]:
        return {f"AWS_ENDPOINT_URL_{name.upper()}": url for name, url in self._elsewhere.items()}

    def client(self, service: str, **kwargs: Any) -> Any:
        """Make a boto3 client for this account.

        Neither the engineer's profile nor a proxy from the environment touches it.

        Parameters
        ----------
        service
            A service name of boto3, such as ``dynamodb``.
        **kwargs
            Anything that ``boto3.client`` takes; it wins over the defaults here.
        """
        config = Config(proxies={}).merge(kwargs.pop("config", None) or Config())
        arguments: dict[str, Any] = {
            "endpoint_url": self._elsewhere.get(service, self.endpoint_url),
            "region_name": self.region,
            "aws_access_key_id": self.credentials["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.credentials["AWS_SECRET_ACCESS_KEY"],
            "aws_session_token": self.credentials["AWS_SESSION_TOKEN"],
            **kwargs,
        }
        with self._session_lock:  # boto3's sessions aren't safe to share between threads
            make_client: Any = self._session.client  # its type lists each service by name
            return make_client(service, config=config, **arguments)

    def create_function(
        self,
        name: str,
        *,
        handler: str,
        source: Path,
        include: Sequence[str],
        environment: Mapping[str, str],
        timeout: int = 30,
    ) -> str:
        """Deploy a Lambda function from files, in place of one of the same name.

        Parameters
        ----------
        name
            The function's name.
        handler
            ``module.function`` inside the package.
        source
            Folder that becomes the root of the package.
        include
            Files and folders below `source`; of a folder everything but caches and hidden files.
        environment
            The function's variables.
        timeout
            Seconds that an invocation may take.

        Returns
        -------
        str
            The function's ARN.

        Raises
        ------
        FileNotFoundError
            If something to include isn't there.
        """
        functions = self.client("lambda")
        try:
            functions.delete_function(FunctionName=name)
        except functions.exceptions.ResourceNotFoundException:
            logger.debug("no function %s to replace", name)
        created = functions.create_function(
            FunctionName=name,
            Runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
            Role=self._function_role(),
            Handler=handler,
            Code={"ZipFile": zip_of(source, include)},
            Environment={"Variables": dict(environment)},
            Timeout=timeout,
            MemorySize=256,
        )
        return str(created["FunctionArn"])

    def _function_role(self) -> str:
        iam = self.client("iam")
        try:
            role = iam.get_role(RoleName=_FUNCTION_ROLE)
        except iam.exceptions.NoSuchEntityException:
            role = iam.create_role(
                RoleName=_FUNCTION_ROLE, AssumeRolePolicyDocument=json.dumps(_LAMBDA_MAY_ASSUME)
            )
        return str(role["Role"]["Arn"])

    def _need_running(self) -> MotoServer:
        if self._running is None:
            message = "This LocalAws isn't running: use it as a context manager, or start() it."
            raise RuntimeError(message)
        return self._running


def _bare_session() -> boto3.session.Session:
    """Make a boto3 session that reads no configuration of the engineer's."""
    nothing = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    return boto3.session.Session(botocore_session=botocore.session.Session(nothing))
