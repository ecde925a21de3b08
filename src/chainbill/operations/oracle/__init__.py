"""What the oracle does, and its operators."""
