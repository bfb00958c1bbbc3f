"""What goes out: which runs there are, and what is held of each."""
