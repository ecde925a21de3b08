"""What an oracle does."""
