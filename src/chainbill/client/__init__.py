"""The client library: one object for each role, whose methods are the operations."""
