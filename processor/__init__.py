"""Collectors: captures the predictions worth training on, exactly once, on Kafka."""
