"""The operations of the service, a class for each kind of thing."""
