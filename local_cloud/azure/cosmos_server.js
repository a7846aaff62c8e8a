// Cosmos DB's stand-in, over HTTPS on loopback: node cosmos_server.js PORT
// Its own command line closes the connection after each answer, a TLS handshake per request.
"use strict";

const { AsyncLocalStorage } = require("node:async_hooks");
const { createHttpsServer } = require("@vercel/cosmosdb-server");
const { default: Documents } = require("@vercel/cosmosdb-server/lib/account/documents");
const operations = require("@vercel/cosmosdb-server/lib/handler/_document-operations");

// A transactional batch names its partition once, in a header; the stand-in looks for it in each
// operation, as a bulk request has it.
const { upsertOperation } = operations;
operations.upsertOperation = (collection, operation) => {
  const partition = collection.documents._getPartition(operation.resourceBody);
  return upsertOperation(collection, { partitionKey: JSON.stringify([partition]), ...operation });
};

// A query of one partition sees that partition only; the stand-in would evaluate it for every
// document of the container, and take ever longer.
const partitionOfRequest = new AsyncLocalStorage();
const { query } = Documents.prototype;
Documents.prototype.query = function queryPartition(...asked) {
  const header = partitionOfRequest.getStore();
  if (!header) return query.apply(this, asked);
  const [partition] = JSON.parse(header);
  const isInPartition = ([, item]) => this._getPartition(item.read()) === partition;
  const documents = new Map([...this._data].filter(isInPartition));
  return query.apply(Object.create(this, { _data: { value: documents } }), asked);
};

const server = createHttpsServer({ keepAlive: true });
const [answer] = server.listeners("request");
server.removeListener("request", answer);
server.on("request", (request, response) => {
  const partition = request.headers["x-ms-documentdb-partitionkey"];
  partitionOfRequest.run(partition, () => answer(request, response));
});
// A client must not find a connection closed that it is about to send on.
server.keepAliveTimeout = 0;
server.listen(Number(process.argv[2]), "127.0.0.1");
