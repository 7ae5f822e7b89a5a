"""The second stage's own engine: workflows on the original input, one candidate at a time, with models that are asked."""
