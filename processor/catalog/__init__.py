"""The join table: documents read from the compacted topics, references resolved, written all or nothing."""
