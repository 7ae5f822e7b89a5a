"""topics.yaml against the cluster: a pure plan, and what carries it out."""
