"""What the REST API and the destination have in common: the contract's statuses, keys, bodies, queries, and how a server runs."""
