"""What goes next, and when to try again: decisions alone, without I/O and without a clock."""
