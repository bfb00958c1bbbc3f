"""What is proven: that a target holds a run whole, and what may therefore be deleted here."""
