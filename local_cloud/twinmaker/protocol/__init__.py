"""The wire: rest-json by botocore's own model of the service, and what the model allows."""
