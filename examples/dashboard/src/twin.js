import {
  GetEntityCommand,
  GetPropertyValueHistoryCommand,
  IoTTwinMakerClient,
} from "@aws-sdk/client-iottwinmaker";
import { fromCognitoIdentityPool } from "@aws-sdk/credential-provider-cognito-identity";
import { initialize } from "@iot-app-kit/source-iottwinmaker";

const NUMERIC = new Set(["DOUBLE", "INTEGER", "LONG"]);
const STATUS = new Set(["BOOLEAN", "STRING"]);
const HOUR = 3_600_000;

/**
 * Connect to the workspace that /twin.json names (README.md, 'Your own workspace').
 *
 * Returns `newSource`, which makes a data source of IoT App Kit, `probe`, which asks for one value of a device
 * and fails if that can't be read, and the devices with their time series by how they are shown.
 */
export async function connect() {
  const twin = await fetch("/twin.json")
    .then((response) => response.json())
    .catch((error) => {
      throw new Error(`/twin.json is missing or isn't JSON (README.md, 'Your own workspace'): ${error.message}`);
    });
  const { endpoint, region, workspaceId, identityPoolId } = twin;
  const awsCredentials = identityPoolId
    ? fromCognitoIdentityPool({ identityPoolId, clientConfig: { region } })
    : { accessKeyId: "local", secretAccessKey: "local" };
  const client = new IoTTwinMakerClient({
    region,
    credentials: awsCredentials,
    // A loopback address has no name with `api.` or `data.` in front of it.
    ...(endpoint && { endpoint, disableHostPrefix: true }),
  });
  const newSource = () =>
    initialize(workspaceId, { iotTwinMakerClient: client, awsCredentials, awsRegion: region });
  const probe = ({ entityId, componentName, numeric, statuses }) =>
    client.send(
      new GetPropertyValueHistoryCommand({
        workspaceId,
        entityId,
        componentName,
        selectedProperties: [...numeric, ...statuses],
        startTime: new Date(Date.now() - HOUR).toISOString(),
        endTime: new Date().toISOString(),
        maxResults: 1,
      }),
    );
  const devices = await Promise.all(
    twin.devices.map(async (device) => ({ ...device, ...(await series(client, workspaceId, device)) })),
  );
  return { newSource, probe, devices };
}

async function series(client, workspaceId, { entityId, componentName }) {
  const { components } = await client.send(new GetEntityCommand({ workspaceId, entityId }));
  if (!components[componentName]) throw new Error(`Entity ${entityId} has no component ${componentName}`);
  const all = Object.entries(components[componentName].properties).filter(
    ([, { definition }]) => definition.isTimeSeries,
  );
  const names = (types) =>
    all.filter(([, { definition }]) => types.has(definition.dataType.type)).map(([name]) => name);
  return { numeric: names(NUMERIC), statuses: names(STATUS) };
}
