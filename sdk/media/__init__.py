"""Media that people log: from what they have in hand to a file beside the row, or a value in it."""
