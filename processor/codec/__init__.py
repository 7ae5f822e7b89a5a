"""Bytes to values and back: the only place that knows Avro and the registry's framing."""
