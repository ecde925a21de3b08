"""What is kept between commands: the state directory, keystores, the address book and the local devnet."""
