"""A node: the connection to it, what it answers, and sending an account's transactions."""
