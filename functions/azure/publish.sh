#!/bin/sh -eu
# Publishes the Hot Readers that the verb `package` (--cloud azure) packaged.
# The token is never an argument of a command, where everyone on the machine could read it: it goes
# from a file of mode 0600 into the vault. It is made only if there is none: a second run would tell
# the twin's cloud another token than the Hot Readers accept.
ZIP="${ZIP:-dist/hot-reader-azure.zip}"
SETTINGS="${SETTINGS:-dist/hot-reader-azure-settings.json}"
TOKEN_FILE="${TOKEN_FILE:-dist/inter-cloud-token-azure}"
CONFIG="${CONFIG:-config}"
REGION="${REGION:?fill it in: the region, such as westeurope, best that of the hot storage}"
RESOURCE_GROUP="${RESOURCE_GROUP:?fill it in: the resource group of the function app}"
APP="${APP:?fill it in: the function app, a part of its URL, globally unique}"
STORAGE_ACCOUNT="${STORAGE_ACCOUNT:?fill it in: 3 to 24 small letters and digits, globally unique}"
KEY_VAULT="${KEY_VAULT:?fill it in: 3 to 24 letters, digits and hyphens, globally unique}"
COSMOS_ACCOUNT="${COSMOS_ACCOUNT:?fill it in: the name of the Cosmos DB account}"
COSMOS_RESOURCE_GROUP="${COSMOS_RESOURCE_GROUP:-$RESOURCE_GROUP}"
COSMOS_DATABASE="${COSMOS_DATABASE:?fill it in: the database in the account}"
COSMOS_CONTAINER="${COSMOS_CONTAINER:-hot-telemetry}"
PYTHON_RUNTIME="${PYTHON_RUNTIME:-3.11}"

# The function app, its storage and its identity.
az group create --name "$RESOURCE_GROUP" --location "$REGION" --output none
az storage account create --name "$STORAGE_ACCOUNT" --resource-group "$RESOURCE_GROUP" \
  --location "$REGION" --sku Standard_LRS --allow-blob-public-access false --output none
az functionapp create --name "$APP" --resource-group "$RESOURCE_GROUP" \
  --storage-account "$STORAGE_ACCOUNT" --flexconsumption-location "$REGION" \
  --runtime python --runtime-version "$PYTHON_RUNTIME" --https-only true --output none
PRINCIPAL=$(az functionapp identity assign --name "$APP" --resource-group "$RESOURCE_GROUP" \
  --query principalId --output tsv)

# An instance answers four requests at once, in place of one: they mostly wait for the hot storage.
az functionapp scale config set --name "$APP" --resource-group "$RESOURCE_GROUP" \
  --trigger-type http --trigger-settings perInstanceConcurrency=4 --output none

# It may read the one container: the Cosmos DB Built-in Data Reader.
az cosmosdb sql role assignment create --account-name "$COSMOS_ACCOUNT" \
  --resource-group "$COSMOS_RESOURCE_GROUP" --principal-id "$PRINCIPAL" \
  --role-definition-id 00000000-0000-0000-0000-000000000001 \
  --scope "/dbs/$COSMOS_DATABASE/colls/$COSMOS_CONTAINER" --output none

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

# Settings and code; Azure installs what requirements.txt lists. If this takes longer than ten minutes,
# or says that the app is unhealthy, the host doesn't start: docs/operations.md says where to look.
az functionapp config appsettings set --name "$APP" --resource-group "$RESOURCE_GROUP" \
  --settings "@$SETTINGS" \
  "INTER_CLOUD_TOKEN=@Microsoft.KeyVault(VaultName=$KEY_VAULT;SecretName=inter-cloud-token)" \
  --output none
az functionapp deployment source config-zip --name "$APP" --resource-group "$RESOURCE_GROUP" \
  --src "$ZIP" --build-remote true --timeout 600

# Tell the twin's cloud where the Hot Readers are; then the file isn't needed any more.
HOST=$(az functionapp show --name "$APP" --resource-group "$RESOURCE_GROUP" \
  --query "defaultHostName || properties.defaultHostName" --output tsv)
python -m deploy_scripts publish --config "$CONFIG" --cloud azure \
  --url "https://$HOST/hot-reader" \
  --last-entry-url "https://$HOST/hot-reader-last-entry" \
  --token-file "$TOKEN_FILE" && rm "$TOKEN_FILE"
