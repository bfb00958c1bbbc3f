"""The daemon: it runs until told to stop, one for each state, and answers who asks what it does."""
