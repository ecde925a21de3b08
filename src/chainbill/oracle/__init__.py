"""The oracle, in one process for now: intake, the nodes' quorum, batching, and settlement."""
