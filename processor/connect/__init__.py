"""Kafka Connect: the plugin that posts inputs, a local worker, and the controller that keeps its connectors equal to the catalog."""
