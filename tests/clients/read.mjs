// Reads entities by TwinMaker's own JavaScript clients, and prints what they got.
//
//   node read.mjs < request.json > answers.json
//
// The request has `endpoint`, `region`, `workspaceId`, `start`, `end` (ISO 8601), and `reads`. Each of
// these has `client` ("sdk" or "appKit"), `kind` ("history" or "newest"), `properties`, and `entityId`
// with `componentName`, or `componentTypeId`. There is an answer for each: the number of `requests` that
// read values, and the `points` got; or the `error` that the client's user sees.

import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

import { IoTTwinMaker } from "@aws-sdk/client-iottwinmaker";
import { initialize } from "@iot-app-kit/source-iottwinmaker";

// IoT App Kit sends commands of its own version of the SDK, so it needs a client of that version.
const ofAppKit = createRequire(import.meta.resolve("@iot-app-kit/source-iottwinmaker"));
const { IoTTwinMakerClient } = ofAppKit("@aws-sdk/client-iottwinmaker");

globalThis.document = new EventTarget(); // which tells IoT App Kit when its page is out of sight

const request = JSON.parse(await text(process.stdin));
const options = {
  endpoint: request.endpoint,
  region: request.region,
  credentials: { accessKeyId: "local", secretAccessKey: "local" },
  disableHostPrefix: true, // 127.0.0.1 has no name with `data.` in front of it.
  maxAttempts: 1,
};
const clients = { sdk: readBySdk, appKit: readByAppKit };

const answers = [];
for (const read of request.reads) answers.push(await clients[read.client](read));
console.log(JSON.stringify(answers));

async function readBySdk({ kind, properties, entityId, componentName, componentTypeId }) {
  const client = new IoTTwinMaker(options);
  const { workspaceId, start: startTime, end: endTime } = request;
  const query = { workspaceId, entityId, componentName, componentTypeId, selectedProperties: properties };
  const points = [];
  try {
    if (kind === "newest") {
      const { propertyValues } = await client.getPropertyValue(query);
      for (const [name, { propertyValue }] of Object.entries(propertyValues)) {
        points.push({ name, value: only(propertyValue) });
      }
      return { requests: 1, points };
    }
    let requests = 0;
    let nextToken;
    do {
      const page = await client.getPropertyValueHistory({
        ...query, startTime, endTime, maxResults: 200, nextToken, // as Grafana pages
      });
      requests += 1;
      for (const { entityPropertyReference, values } of page.propertyValues) {
        const { propertyName: name, externalIdProperty } = entityPropertyReference;
        const device = externalIdProperty?.iotDeviceId;
        points.push(...values.map(({ time, value }) => ({ name, device, time, value: only(value) })));
      }
      nextToken = page.nextToken;
    } while (nextToken);
    return { requests, points };
  } catch (error) {
    const { name: type, message, $metadata } = error;
    return { error: { type, message, status: $metadata?.httpStatusCode } };
  }
}

/** Read by IoT App Kit's data source, as its charts (history) and its KPI (newest) do. */
async function readByAppKit({ kind, properties, entityId, componentName, componentTypeId }) {
  const client = new IoTTwinMakerClient(options);
  // A chain of pages ends with one that has no token. The newest value is one chain for each property of
  // an entity, of a single page; for a component type it is one chain for all.
  const newest = kind === "newest";
  const single = newest && entityId;
  let [requests, chains] = [0, single ? properties.length : 1];
  let end;
  const read = new Promise((resolve) => (end = resolve));
  client.middlewareStack.add((next, context) => async (call) => {
    let last = true;
    try {
      const result = await next(call);
      last = single || !result.output.nextToken;
      return result;
    } finally {
      if (context.commandName === "GetPropertyValueHistoryCommand") {
        requests += 1;
        // Once the data source has taken this answer, too.
        if (last && --chains === 0) setTimeout(end);
      }
    }
  });
  const { workspaceId, region: awsRegion, start, end: until } = request;
  const source = initialize(workspaceId, {
    iotTwinMakerClient: client, awsCredentials: options.credentials, awsRegion,
  });
  const query = { entityId, componentName, componentTypeId };
  const provider = source.query
    .timeSeriesData({ ...query, properties: properties.map((propertyName) => ({ propertyName })) })
    .build("session", {
      viewport: { start: new Date(start), end: new Date(until) },
      settings: newest ? { fetchMostRecentBeforeEnd: true } : { fetchFromStartToEnd: true },
    });
  let streams = [];
  provider.subscribe({ next: ([{ dataStreams }]) => (streams = dataStreams) });
  await read;
  provider.unsubscribe();
  const error = streams.find((each) => each.error)?.error;
  if (error) return { error: { type: error.type, message: error.msg, status: error.status } };
  const points = streams.flatMap(({ id, data }) => {
    const { propertyName: name, entityId: entity } = JSON.parse(id);
    return data.map(({ x, y }) => ({ name, entity, time: new Date(x).toISOString(), value: y }));
  });
  return { requests, points };
}

function only(dataValue) {
  const [value] = Object.values(dataValue).filter((each) => each !== undefined);
  return value;
}
