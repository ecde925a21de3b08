"""What each role does: one function for each page of docs/operations; typed results, no text."""
