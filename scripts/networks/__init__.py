"""Real chains on this machine's loopback interface, for tests and for trying things out.

Each is started, killed and started again by one class: `geth.Geth` (one node of the reference client),
`validators.Validators` (five validators of an L1 of their own) and `devnet.Devnet` (the anvil that the
package brings its own launcher for). All have the same face, `engine.Engine`.
"""
