"""What a provider does."""
