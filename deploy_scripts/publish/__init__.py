"""Endpoints on AWS, and the connections that lead the cloud of the twin to Hot Readers."""
