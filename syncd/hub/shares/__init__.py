"""Links by which somebody without an account reads one run, for a while."""
