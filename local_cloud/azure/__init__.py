"""Azure on this machine: Cosmos DB, and a host for Azure Functions."""
