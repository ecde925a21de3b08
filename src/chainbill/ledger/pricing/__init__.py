"""What the published terms say about one attested row: the contracts' decision, taken again."""
