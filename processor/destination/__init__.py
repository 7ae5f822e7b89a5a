"""The embedded destination: an app that collected inputs are posted to, kept in a database and read back from."""
