"""What a provider's system knows: service events, their catalogue, commitments, and the sealed vault."""
