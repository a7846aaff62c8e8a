"""Cosmos DB for NoSQL: a container, by its SDK."""
