"""What a patient does."""
