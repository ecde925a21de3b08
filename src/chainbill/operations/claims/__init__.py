"""What becomes of a settled claim: disputes, rulings, money on its way back."""
