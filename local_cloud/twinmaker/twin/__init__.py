"""The twin in memory: workspaces, component types and entities, with their rules and states."""
