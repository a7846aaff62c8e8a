// Cosmos DB's stand-in, over HTTPS on loopback: node cosmos_server.js PORT
// Its own command line closes the connection after each answer, a TLS handshake per request.
"use strict";

const { createHttpsServer } = require("@vercel/cosmosdb-server");
const operations = require("@vercel/cosmosdb-server/lib/handler/_document-operations");

// A transactional batch names its partition once, in a header; the stand-in looks for it in each
// operation, as a bulk request has it.
const { upsertOperation } = operations;
operations.upsertOperation = (collection, operation) => {
  const partition = collection.documents._getPartition(operation.resourceBody);
  return upsertOperation(collection, { partitionKey: JSON.stringify([partition]), ...operation });
};

const server = createHttpsServer({ keepAlive: true });
// A client must not find a connection closed that it is about to send on.
server.keepAliveTimeout = 0;
server.listen(Number(process.argv[2]), "127.0.0.1");
