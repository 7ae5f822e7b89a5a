"""Quotas and duplicate windows of one collector: pure state machines, told the time by every candidate."""
