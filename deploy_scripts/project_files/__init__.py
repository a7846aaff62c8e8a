"""The twin's configuration files and the inter-cloud connections: how they are read and written."""
