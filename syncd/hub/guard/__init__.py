"""Who may do what: keys, and the guard in front of every call."""
