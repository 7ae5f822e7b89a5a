"""Everything that talks to Kafka; no other package imports its client."""
