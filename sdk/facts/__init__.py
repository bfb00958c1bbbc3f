"""What it takes to make a run again: code, command line, packages, machine. Never a secret."""
