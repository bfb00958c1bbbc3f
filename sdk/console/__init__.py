"""What the script prints, recorded beside its rows while it goes where it always went."""
