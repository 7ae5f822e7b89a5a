"""State of source partitions, as values; where it is kept is the stages' business."""
