"""What an insurer does."""
