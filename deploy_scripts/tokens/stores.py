"""Where the inter-cloud token of a stage is kept: SSM's Parameter Store, or Secrets Manager."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from botocore.exceptions import ClientError

from chalicelib.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.settings.token_reference import TokenReference

TOKEN_VARIABLE: Final = "INTER_CLOUD_TOKEN"  # noqa: S105 - the name of a variable

_GONE: Final = frozenset({"InvalidResourceId", "ParameterNotFound", "ResourceNotFoundException"})

Found = TypeVar("Found")


class TokenStore(ABC):
    """A place for one token.

    Parameters
    ----------
    client
        A boto3 client of `service`.
    name
        The place's name.
    stage
        The stage that it is for; a tag on it says so.

    Attributes
    ----------
    service
        How a reference names the store; boto3 has the same name for it.
    reference
        What the setting `INTER_CLOUD_TOKEN` says.
    """

    service: ClassVar[str]

    def __init__(self, client: Any, name: str, *, stage: str = "") -> None:
        self._client = client
        self._name = name
        # On what we make, so that nothing else is deleted.
        tags = {"managed-by": "multi-cloud-hot-reader", "stage": stage}
        self._tags = [{"Key": key, "Value": value} for key, value in tags.items()]
        self.reference = f"{self.service}:{name}"

    def get(self) -> str | None:
        """Return the token; None if there is none yet.

        Raises
        ------
        ConfigurationError
            What is there isn't text.
        botocore.exceptions.ClientError
            AWS refused.
        """
        return _unless_gone(self._read)

    def is_ours(self) -> bool:
        """Say whether we made its place, for this stage."""
        found = _unless_gone(self._found_tags) or []
        return all(tag in found for tag in self._tags)

    def delete(self) -> bool:
        """Delete the token if we made its place for this stage; say whether we did."""
        if not self.is_ours():
            return False
        self._delete()
        return True

    def statement(self) -> dict[str, Any]:
        """Return the policy statement that lets a function read the token, and nothing else."""
        action, resource = self._permission()
        return {"Sid": "ReadTheToken", "Effect": "Allow", "Action": [action], "Resource": resource}

    @abstractmethod
    def put(self, token: str) -> None:
        """Keep a token, in place of the one before."""

    @abstractmethod
    def _read(self) -> str: ...

    @abstractmethod
    def _found_tags(self) -> list[Mapping[str, str]]: ...

    @abstractmethod
    def _delete(self) -> None: ...

    @abstractmethod
    def _permission(self) -> tuple[str, str]:
        """Name the action that reads the token, and the pattern of its ARN."""


class ParameterStore(TokenStore):
    """An SSM parameter, as a SecureString; its name starts with `/`."""

    service = "ssm"

    def put(self, token: str) -> None:
        """Keep a token; see `TokenStore.put`."""
        parameter = {"Name": self._name, "Value": token, "Type": "SecureString"}
        try:
            # Tags can be given to a new parameter only (SSM API reference, PutParameter).
            self._client.put_parameter(**parameter, Tags=self._tags)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ParameterAlreadyExists":
                raise
            self._client.put_parameter(**parameter, **self._key(), Overwrite=True)

    def _key(self) -> dict[str, str]:
        """Return the KMS key that the parameter is under: else SSM would take its own."""
        only = {"Key": "Name", "Option": "Equals", "Values": [self._name]}
        pages = self._client.get_paginator("describe_parameters").paginate(ParameterFilters=[only])
        keys = [each["KeyId"] for page in pages for each in page["Parameters"] if "KeyId" in each]
        return {"KeyId": keys[0]} if keys else {}

    def _read(self) -> str:
        found = self._client.get_parameter(Name=self._name, WithDecryption=True)
        return str(found["Parameter"]["Value"])

    def _found_tags(self) -> list[Mapping[str, str]]:
        found = self._client.list_tags_for_resource(ResourceType="Parameter", ResourceId=self._name)
        return list(found["TagList"])

    def _delete(self) -> None:
        self._client.delete_parameter(Name=self._name)

    def _permission(self) -> tuple[str, str]:
        return "ssm:GetParameter", f"arn:*:ssm:*:*:parameter/{self._name.removeprefix('/')}"


class SecretsManager(TokenStore):
    """A Secrets Manager secret, as text."""

    service = "secretsmanager"

    def put(self, token: str) -> None:
        """Keep a token; see `TokenStore.put`."""
        try:
            self._client.put_secret_value(SecretId=self._name, SecretString=token)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            self._client.create_secret(Name=self._name, SecretString=token, Tags=self._tags)

    def _read(self) -> str:
        found = self._client.get_secret_value(SecretId=self._name)
        if "SecretString" not in found:
            raise ConfigurationError(f"The secret {self._name} holds binary data; it must be text.")
        return str(found["SecretString"])

    def _found_tags(self) -> list[Mapping[str, str]]:
        return list(self._client.describe_secret(SecretId=self._name).get("Tags", []))

    def _delete(self) -> None:
        self._client.delete_secret(SecretId=self._name, ForceDeleteWithoutRecovery=True)

    def _permission(self) -> tuple[str, str]:
        # Secrets Manager adds a hyphen and six characters to the name in an ARN.
        resource = f"arn:*:secretsmanager:*:*:secret:{self._name}-??????"
        return "secretsmanager:GetSecretValue", resource


STORES: Final[Mapping[str, type[TokenStore]]] = {
    each.service: each for each in (ParameterStore, SecretsManager)
}
"""The stores, each by how a reference names it."""


def token_store(source: TokenReference, client: Callable[..., Any]) -> TokenStore:
    """Return the store that a reference names.

    Parameters
    ----------
    source
        The reference.
    client
        Makes a client of an AWS service, as `boto3.client` does.
    """
    # At DEBUG, botocore logs the bodies of requests and answers: here, tokens.
    botocore_log = logging.getLogger("botocore")
    if botocore_log.getEffectiveLevel() < logging.INFO:
        botocore_log.setLevel(logging.INFO)
    store, name, region = STORES[str(source.store)], source.value, {}
    if name.startswith("arn:"):
        region = {"region_name": name.split(":")[3]}
    if region and store is ParameterStore:
        # PutParameter takes no ARN (Systems Manager API reference).
        name = name.partition(":parameter")[2]
    return store(client(store.service, **region), name)


def default_token_name(twin_name: str, stage: str) -> str:
    """Return where the token of a stage is kept unless the stage or somebody says otherwise."""
    return f"/{twin_name}/{stage}/inter-cloud-token"


def _unless_gone(ask: Callable[[], Found]) -> Found | None:
    """Ask AWS about a thing; None if it isn't there."""
    try:
        return ask()
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            return None
        raise
