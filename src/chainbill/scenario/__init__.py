"""The demo and the benchmarks: whole runs of the protocol on a devnet of their own."""
