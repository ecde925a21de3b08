"""Plans, accumulators and adjudication: pure functions over integers that know no chain."""
