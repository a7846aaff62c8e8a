"""A local Cosmos DB: @vercel/cosmosdb-server, a stand-in that unmodified Azure SDKs talk to.

Two things that its version 1.0.1 lacks are added in cosmos_server.js: transactional batches, and
queries that see one partition only. What it still does differently from the service, found by reading
and running it:

- Strings are compared by their UTF-16 code units, which for ASCII, and so for every timestamp, is the
  order of the bytes, as in the service.
- Documents of the same key come in the order of their `_rid`, ascending in both orders.
- Numbers are JavaScript's: a whole number of more than 53 bits comes back with other digits.
- Pages end at `max_item_count` only, never because they are large.
- It checks no signature: any key is accepted.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

from local_cloud.child_process import HOST, ChildProcess, free_port, node_command

if TYPE_CHECKING:
    from azure.cosmos import ContainerProxy, CosmosClient

EMULATOR_KEY: Final = (
    "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=="
)
"""The key of every Cosmos DB emulator; public (Azure Cosmos DB emulator, 'Authentication')."""


class LocalCosmos(ChildProcess):
    """A context manager: started on entry, stopped on exit, with everything that was in it.

    Parameters
    ----------
    log
        The file that gets its output.

    Attributes
    ----------
    endpoint, key
        The values for `COSMOS_ENDPOINT` and `COSMOS_KEY`.

    Raises
    ------
    RuntimeError
        The npm package isn't installed; the message says how to get it.
    """

    def __init__(self, log: Path) -> None:
        port = free_port()
        server = Path(__file__).with_name("cosmos_server.js")
        super().__init__("Cosmos DB", node_command(server, str(port)), port=port, log=log)
        self.endpoint = f"https://{HOST}:{port}"
        self.key = EMULATOR_KEY

    def client(self) -> CosmosClient:
        """Return a client that may do everything."""
        from azure.cosmos import CosmosClient

        warnings.filterwarnings(
            "ignore", f"Unverified HTTPS request is being made to host '{HOST}'"
        )
        # Its certificate is its own, and it names itself by other hosts than this one.
        return CosmosClient(
            self.endpoint, self.key, connection_verify=False, enable_endpoint_discovery=False
        )

    def create_container(self, database: str, container: str) -> ContainerProxy:
        """Create a container, partitioned by `device_id`, and its database, unless they exist."""
        from azure.cosmos import PartitionKey

        proxy = self.client().create_database_if_not_exists(database)
        return proxy.create_container_if_not_exists(container, PartitionKey("/device_id"))
