"""syncd where the runs are: it watches roots, decides what to send next, and uploads it."""
