"""The stages: loops that move batches from topic to topic."""
