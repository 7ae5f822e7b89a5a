"""The REST API: the public contract over the catalog."""
