"""The plain page: HTML that the hub renders, without scripts, for people who signed in."""
