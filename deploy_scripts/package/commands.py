"""The commands that publish a packaged Hot Reader, for a person to paste into a shell.

They are a POSIX shell script: names first, then commands that use them. The token never is an argument
of a command, because everyone on the machine can read those: it goes from a file of mode 0600 into the
cloud's secret store, and the settings only say where it is. It is made only if the store has none: else
a second run would tell the twin's cloud another token than the Hot Readers know.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from chalicelib.model.reads import HISTORY, LAST_ENTRY, READS
from deploy_scripts.package.package import AZURE, PackageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deploy_scripts.package.package import Cloud

PYTHON: Final = "3.11"
"""The version that this project's tests run on, and that both platforms offer."""


@dataclass(frozen=True, slots=True)
class Name:
    """A shell variable that commands use.

    Attributes
    ----------
    variable
        The variable.
    value
        Its value, if it is known.
    hint
        What to fill in if it isn't.
    same_as
        Another variable, whose value it has by default.
    """

    variable: str
    value: str | None
    hint: str = ""
    same_as: str | None = None


_AZURE: Final = r"""
# The function app, its storage and its identity.
az group create --name "$RESOURCE_GROUP" --location "$REGION" --output none
az storage account create --name "$STORAGE_ACCOUNT" --resource-group "$RESOURCE_GROUP" \
  --location "$REGION" --sku Standard_LRS --allow-blob-public-access false --output none
az functionapp create --name "$APP" --resource-group "$RESOURCE_GROUP" \
  --storage-account "$STORAGE_ACCOUNT" --flexconsumption-location "$REGION" \
  --runtime python --runtime-version {python} --https-only true --output none
PRINCIPAL=$(az functionapp identity assign --name "$APP" --resource-group "$RESOURCE_GROUP" \
  --query principalId --output tsv)

# It may read the one container: the Cosmos DB Built-in Data Reader.
az cosmosdb sql role assignment create --account-name "$COSMOS_ACCOUNT" \
  --resource-group "$COSMOS_RESOURCE_GROUP" --principal-id "$PRINCIPAL" \
  --role-definition-id 00000000-0000-0000-0000-000000000001 \
  --scope "/dbs/$DATABASE/colls/$CONTAINER" --output none

# A vault for the token: you may write into it, the function app may read.
az keyvault create --name "$KEY_VAULT" --resource-group "$RESOURCE_GROUP" --location "$REGION" \
  --enable-rbac-authorization true --output none
VAULT=$(az keyvault show --name "$KEY_VAULT" --resource-group "$RESOURCE_GROUP" \
  --query id --output tsv)
ME=$(az ad signed-in-user show --query id --output tsv)
az role assignment create --role "Key Vault Secrets Officer" --assignee-object-id "$ME" \
  --assignee-principal-type User --scope "$VAULT" --output none
az role assignment create --role "Key Vault Secrets User" --assignee-object-id "$PRINCIPAL" \
  --assignee-principal-type ServicePrincipal --scope "$VAULT" --output none

# The token, made once. A role takes a minute or two: if it says Forbidden, run this part again.
az keyvault secret show --vault-name "$KEY_VAULT" --name inter-cloud-token > /dev/null 2>&1 || {
  [ -e "$TOKEN_FILE" ] || (umask 077 &&
    python -c 'import secrets; print(secrets.token_urlsafe(32))' > "$TOKEN_FILE")
  az keyvault secret set --vault-name "$KEY_VAULT" --name inter-cloud-token \
    --file "$TOKEN_FILE" --encoding utf-8 --output none
}

# Settings and code; Azure installs what requirements.txt lists.
az functionapp config appsettings set --name "$APP" --resource-group "$RESOURCE_GROUP" \
  --settings "@$SETTINGS" \
  "INTER_CLOUD_TOKEN=@Microsoft.KeyVault(VaultName=$KEY_VAULT;SecretName=inter-cloud-token)" \
  --output none
az functionapp deployment source config-zip --name "$APP" --resource-group "$RESOURCE_GROUP" \
  --src "$ZIP" --build-remote true

# Tell the twin's cloud where the Hot Readers are; then the file isn't needed any more.
HOST=$(az functionapp show --name "$APP" --resource-group "$RESOURCE_GROUP" \
  --query "defaultHostName || properties.defaultHostName" --output tsv)
python -m deploy_scripts publish --config "$CONFIG" --cloud azure \
  --url "https://$HOST{history}" \
  --last-entry-url "https://$HOST{last_entry}" \
  --token-file "$TOKEN_FILE" && rm "$TOKEN_FILE"
"""

_GCP: Final = r"""
# The services, and an account that the functions run as.
gcloud services enable --project="$PROJECT" cloudfunctions.googleapis.com run.googleapis.com \
  cloudbuild.googleapis.com artifactregistry.googleapis.com secretmanager.googleapis.com \
  firestore.googleapis.com
gcloud iam service-accounts create "$APP" --project="$PROJECT"
ACCOUNT="$APP@$PROJECT.iam.gserviceaccount.com"

# It may read Firestore. Each direction of reading needs an index of its own.
gcloud projects add-iam-policy-binding "$FIRESTORE_PROJECT" \
  --member="serviceAccount:$ACCOUNT" --role=roles/datastore.viewer --condition=None
gcloud firestore indexes composite create --project="$FIRESTORE_PROJECT" \
  --database="$DATABASE" --collection-group="$COLLECTION_GROUP" \
  --field-config=field-path="$DEVICE_ID_ATTRIBUTE",order=ascending \
  --field-config=field-path="$TIMESTAMP_ATTRIBUTE",order=ascending
gcloud firestore indexes composite create --project="$FIRESTORE_PROJECT" \
  --database="$DATABASE" --collection-group="$COLLECTION_GROUP" \
  --field-config=field-path="$DEVICE_ID_ATTRIBUTE",order=ascending \
  --field-config=field-path="$TIMESTAMP_ATTRIBUTE",order=descending

# The token, made once, in Secret Manager; the functions may read it.
gcloud secrets describe "$APP-inter-cloud-token" --project="$PROJECT" > /dev/null 2>&1 || {
  [ -e "$TOKEN_FILE" ] || (umask 077 &&
    python -c 'import secrets; print(secrets.token_urlsafe(32))' > "$TOKEN_FILE")
  gcloud secrets create "$APP-inter-cloud-token" --project="$PROJECT" \
    --replication-policy=automatic --data-file="$TOKEN_FILE"
}
gcloud secrets add-iam-policy-binding "$APP-inter-cloud-token" --project="$PROJECT" \
  --member="serviceAccount:$ACCOUNT" --role=roles/secretmanager.secretAccessor

# Both functions. Everyone may call them, and they check the token themselves.
rm -rf "$SOURCE"
python -m zipfile --extract "$ZIP" "$SOURCE"
gcloud functions deploy "$APP" --gen2 --project="$PROJECT" --region="$REGION" \
  --runtime=python{runtime} --source="$SOURCE" --entry-point=hot_reader \
  --trigger-http --allow-unauthenticated --memory=512Mi --service-account="$ACCOUNT" \
  --env-vars-file="$SETTINGS" --set-secrets="INTER_CLOUD_TOKEN=$APP-inter-cloud-token:latest"
gcloud functions deploy "$APP-last-entry" --gen2 --project="$PROJECT" --region="$REGION" \
  --runtime=python{runtime} --source="$SOURCE" --entry-point=hot_reader_last_entry \
  --trigger-http --allow-unauthenticated --memory=512Mi --service-account="$ACCOUNT" \
  --env-vars-file="$SETTINGS" --set-secrets="INTER_CLOUD_TOKEN=$APP-inter-cloud-token:latest"

# Tell the twin's cloud where the Hot Readers are; then the file isn't needed any more.
URL=$(gcloud functions describe "$APP" --gen2 --project="$PROJECT" --region="$REGION" \
  --format='value(serviceConfig.uri)')
LAST_ENTRY_URL=$(gcloud functions describe "$APP-last-entry" --gen2 --project="$PROJECT" \
  --region="$REGION" --format='value(serviceConfig.uri)')
python -m deploy_scripts publish --config "$CONFIG" --cloud gcp \
  --url "$URL" \
  --last-entry-url "$LAST_ENTRY_URL" \
  --token-file "$TOKEN_FILE" && rm "$TOKEN_FILE"
"""


def commands(cloud: Cloud, names: Sequence[Name], files: Mapping[str, bytes]) -> str:
    """Return the commands, ready to be pasted.

    Parameters
    ----------
    cloud
        Where to publish.
    names
        The shell variables that they use.
    files
        What the package has: `host.json` says under which path Azure serves the functions.

    Raises
    ------
    PackageError
        `host.json` can't be read.
    """
    body = _GCP
    paths = dict.fromkeys(READS, "")
    if cloud is AZURE:
        body, prefix = _AZURE, _route_prefix(files["host.json"])
        paths = {read: prefix + read.path for read in READS}
    for placeholder, value in {
        "{python}": PYTHON,
        "{runtime}": PYTHON.replace(".", ""),
        "{history}": paths[HISTORY],
        "{last_entry}": paths[LAST_ENTRY],
    }.items():
        body = body.replace(placeholder, value)
    return _assignments(names) + body


def _assignments(names: Sequence[Name]) -> str:
    lines = []
    missing = []
    for each in names:
        if each.value is not None:
            lines.append(f"{each.variable}={shlex.quote(each.value)}")
        elif each.same_as is not None:
            lines.append(f'{each.variable}="${each.same_as}"')
        else:
            lines += [f"# {each.hint}", f"{each.variable}="]
            missing.append(each.variable)
    if missing:
        # A script ends here if something wasn't filled in; an interactive shell says so.
        checks = [f': "${{{name}:?fill it in}}"' for name in missing]
        lines = ["# Fill in what is empty.", *lines, *checks]
    return "\n".join(lines) + "\n"


def _route_prefix(host: bytes) -> str:
    """Return what stands before the functions' routes: `/api`, unless host.json says otherwise."""
    try:
        document: Any = json.loads(host)
        prefix = document.get("extensions", {}).get("http", {}).get("routePrefix", "api")
    except (ValueError, AttributeError) as error:
        raise PackageError("functions/azure/host.json isn't an object in JSON.") from error
    return f"/{prefix}".rstrip("/")
