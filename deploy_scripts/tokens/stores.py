"""The stores of a stage's inter-cloud token: SSM's Parameter Store, and Secrets Manager."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final

from botocore.exceptions import ClientError

from chalicelib.model.errors import ConfigurationError
from deploy_scripts.errors import RefusedError, VerbError, code_of, unless_gone
from deploy_scripts.register.twin import MANAGED_BY, MANAGED_BY_TAG, TWIN_TAG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.settings.token_reference import TokenReference
    from deploy_scripts import MakeClient

TOKEN_VARIABLE: Final = "INTER_CLOUD_TOKEN"  # noqa: S105 - the name of a variable
READ_TOKEN_SID: Final = "ReadTheToken"  # noqa: S105 - the id of a statement
"""The id of the statement that lets a function read the token."""
_STAGE_TAG: Final = "stage"


class TokenStore(ABC):
    """A place for one token.

    It is ours if we made it, for this stage of this twin, as tags on it say. No verb changes or deletes
    what isn't ours; every verb may read it.

    `reference`: the value of the setting `INTER_CLOUD_TOKEN` that refers to the place.
    """

    service: ClassVar[str]  # the store in a reference; boto3 has the same name for it

    def __init__(self, client: Any, name: str, *, stage: str = "", twin: str = "") -> None:
        self._client = client
        self._name = name
        self._stage, self._twin = stage, twin
        owner = {MANAGED_BY_TAG: MANAGED_BY, _STAGE_TAG: stage, TWIN_TAG: twin}
        self._tags = [{"Key": key, "Value": value} for key, value in owner.items()]
        self.reference = f"{self.service}:{name}"

    def get(self) -> str | None:
        """Return the token; None if there is none yet."""
        return unless_gone(self._read)

    def put(self, token: str) -> None:
        """Store a token, in place of the one before, if the place is ours or isn't there.

        The message of a refusal holds AWS's code only, as its words may quote the token.
        """
        try:
            self._write(token)
        except ClientError as error:
            message = f"{self.reference}: {error.operation_name} was refused: {code_of(error)}"
        else:
            return
        raise RefusedError(message)  # not in the handler: no trace of what was sent

    def is_ours(self) -> bool | None:
        """Say whether the place is ours; None if it isn't there."""
        found = unless_gone(self._found_tags)
        if found is None:
            return None
        # What was made before the tags named the twin has all but that one.
        tags = {TWIN_TAG: self._twin} | {each["Key"]: each["Value"] for each in found}
        return all(tags.get(each["Key"]) == each["Value"] for each in self._tags)

    def check_ours(self) -> None:
        """Check that the place is ours, or isn't there."""
        if self.is_ours() is False:
            raise VerbError(
                f"{self.reference} is there and wasn't made for the stage {self._stage} of the twin "
                f"{self._twin}, so it isn't overwritten. Let whoever made it change it "
                "(docs/settings.md, 'Changing it without downtime'); or run configure with another "
                "--token-name, which makes a token of the stage's own, and deploy."
            )

    def delete(self) -> bool:
        """Delete the token if its place is ours; say whether it was."""
        if not self.is_ours():
            return False
        self._delete()
        return True

    def statement(self) -> dict[str, Any]:
        """Return the policy statement that lets a function read the token, and nothing else."""
        action, resource = self._permission()
        return {"Sid": READ_TOKEN_SID, "Effect": "Allow", "Action": [action], "Resource": resource}

    def key_id(self) -> str | None:
        """Return the KMS key that the place is under, as whoever chose it named it; None for AWS's own."""
        return unless_gone(self._found_key)

    @abstractmethod
    def _found_key(self) -> str | None: ...

    @abstractmethod
    def _read(self) -> str: ...

    @abstractmethod
    def _write(self, token: str) -> None: ...

    @abstractmethod
    def _found_tags(self) -> list[Mapping[str, str]]: ...

    @abstractmethod
    def _delete(self) -> None: ...

    @abstractmethod
    def _permission(self) -> tuple[str, str]: ...


class ParameterStore(TokenStore):
    """An SSM parameter, as a SecureString; its name starts with `/`."""

    service = "ssm"

    def _read(self) -> str:
        found = self._client.get_parameter(Name=self._name, WithDecryption=True)
        return str(found["Parameter"]["Value"])

    def _write(self, token: str) -> None:
        parameter = {"Name": self._name, "Value": token, "Type": "SecureString"}
        try:
            # Only a new parameter takes tags (SSM API reference, PutParameter).
            self._client.put_parameter(**parameter, Tags=self._tags)
        except ClientError as error:
            if code_of(error) != "ParameterAlreadyExists":
                raise
            self.check_ours()
            key = self._found_key()  # without it, SSM would take its own
            chosen = {} if key is None else {"KeyId": key}
            self._client.put_parameter(**parameter, **chosen, Overwrite=True)

    def _found_key(self) -> str | None:
        only = {"Key": "Name", "Option": "Equals", "Values": [self._name]}
        pages = self._client.get_paginator("describe_parameters").paginate(ParameterFilters=[only])
        keys = (each.get("KeyId") for page in pages for each in page["Parameters"])
        return next(keys, None)

    def _found_tags(self) -> list[Mapping[str, str]]:
        found = self._client.list_tags_for_resource(ResourceType="Parameter", ResourceId=self._name)
        return list(found["TagList"])

    def _delete(self) -> None:
        self._client.delete_parameter(Name=self._name)

    def _permission(self) -> tuple[str, str]:
        return "ssm:GetParameter", f"arn:*:ssm:*:*:parameter/{self._name.removeprefix('/')}"


class SecretsManager(TokenStore):
    """A Secrets Manager secret, as a string."""

    service = "secretsmanager"

    def _read(self) -> str:
        found = self._client.get_secret_value(SecretId=self._name)
        if "SecretString" not in found:
            raise ConfigurationError(
                f"The secret {self._name} holds binary data; it must be a string."
            )
        return str(found["SecretString"])

    def _write(self, token: str) -> None:
        self.check_ours()
        put = self._client.put_secret_value
        if unless_gone(put, SecretId=self._name, SecretString=token) is None:
            self._client.create_secret(Name=self._name, SecretString=token, Tags=self._tags)

    def _found_key(self) -> str | None:
        key: str | None = self._client.describe_secret(SecretId=self._name).get("KmsKeyId")
        return key

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
"""The stores, each by its name in a reference."""


def token_store(
    source: TokenReference, client: MakeClient, *, stage: str = "", twin: str = ""
) -> TokenStore:
    """Return the place that a reference names, for a stage of a twin, or (without) only to be read."""
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
    return store(client(store.service, **region), name, stage=stage, twin=twin)
