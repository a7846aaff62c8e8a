#!/bin/sh -eu
# Publishes the Hot Readers that the verb `package` (--cloud gcp) packaged.
# The token is never an argument of a command, where everyone on the machine could read it: it goes
# from a file of mode 0600 into Secret Manager. It is made only if there is none: a second run would tell
# the twin's cloud another token than the Hot Readers accept.
ZIP="${ZIP:-dist/hot-reader-gcp.zip}"
SETTINGS="${SETTINGS:-dist/hot-reader-gcp-settings.yaml}"
TOKEN_FILE="${TOKEN_FILE:-dist/inter-cloud-token-gcp}"
CONFIG="${CONFIG:-config}"
SOURCE="${SOURCE:-dist/hot-reader-gcp}"
PROJECT="${PROJECT:?fill it in: the project of the functions}"
FIRESTORE_PROJECT="${FIRESTORE_PROJECT:-$PROJECT}"
REGION="${REGION:?fill it in: the region, such as europe-west1, best that of the hot storage}"
APP="${APP:-hot-reader}"
PYTHON_RUNTIME="${PYTHON_RUNTIME:-3.11}"
FIRESTORE_DATABASE="${FIRESTORE_DATABASE:-(default)}"
FIRESTORE_COLLECTION="${FIRESTORE_COLLECTION:?fill it in: the path of the collection}"
DEVICE_ID_ATTRIBUTE="${DEVICE_ID_ATTRIBUTE:-device_id}"
TIMESTAMP_ATTRIBUTE="${TIMESTAMP_ATTRIBUTE:-timestamp}"

# The services, and an account that the functions run as.
gcloud services enable --project="$PROJECT" cloudfunctions.googleapis.com run.googleapis.com \
  cloudbuild.googleapis.com artifactregistry.googleapis.com secretmanager.googleapis.com \
  firestore.googleapis.com
gcloud iam service-accounts create "$APP" --project="$PROJECT"
ACCOUNT="$APP@$PROJECT.iam.gserviceaccount.com"

# It may read the one database. Each direction of reading needs an index of its own.
DATABASE="projects/$FIRESTORE_PROJECT/databases/$FIRESTORE_DATABASE"
gcloud projects add-iam-policy-binding "$FIRESTORE_PROJECT" \
  --member="serviceAccount:$ACCOUNT" --role=roles/datastore.viewer \
  --condition="expression=resource.name==\"$DATABASE\",title=$APP-reads-one-database"
gcloud firestore indexes composite create --project="$FIRESTORE_PROJECT" \
  --database="$FIRESTORE_DATABASE" --collection-group="${FIRESTORE_COLLECTION##*/}" \
  --field-config=field-path="$DEVICE_ID_ATTRIBUTE",order=ascending \
  --field-config=field-path="$TIMESTAMP_ATTRIBUTE",order=ascending
gcloud firestore indexes composite create --project="$FIRESTORE_PROJECT" \
  --database="$FIRESTORE_DATABASE" --collection-group="${FIRESTORE_COLLECTION##*/}" \
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

# Both functions. Everyone may call them, and they check the token themselves. An instance answers four
# requests at once, which takes a whole CPU; they mostly wait for the hot storage. With SOURCE_DATE_EPOCH, the
# build's bytecode goes by the sources' content: by their times, which an image loses, it would be outdated.
rm -rf "$SOURCE"
python -m zipfile --extract "$ZIP" "$SOURCE"
gcloud functions deploy "$APP" --gen2 --project="$PROJECT" --region="$REGION" \
  --runtime="python$(echo "$PYTHON_RUNTIME" | tr -d .)" --source="$SOURCE" --entry-point=hot_reader \
  --trigger-http --allow-unauthenticated --memory=512Mi --cpu=1 --concurrency=4 \
  --service-account="$ACCOUNT" --set-build-env-vars=SOURCE_DATE_EPOCH=315532800 \
  --env-vars-file="$SETTINGS" --set-secrets="INTER_CLOUD_TOKEN=$APP-inter-cloud-token:latest"
gcloud functions deploy "$APP-last-entry" --gen2 --project="$PROJECT" --region="$REGION" \
  --runtime="python$(echo "$PYTHON_RUNTIME" | tr -d .)" --source="$SOURCE" --entry-point=hot_reader_last_entry \
  --trigger-http --allow-unauthenticated --memory=512Mi --cpu=1 --concurrency=4 \
  --service-account="$ACCOUNT" --set-build-env-vars=SOURCE_DATE_EPOCH=315532800 \
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
