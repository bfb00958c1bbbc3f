"""syncd: the daemon that uploads runs, and its other end, the hub."""
