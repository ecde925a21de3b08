"""What the governor does."""
