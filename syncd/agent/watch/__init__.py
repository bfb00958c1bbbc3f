"""What is on the disk: which roots, runs and logs there are, and what has changed."""
