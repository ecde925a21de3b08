"""What every command shares: options, output, questions, failures."""
