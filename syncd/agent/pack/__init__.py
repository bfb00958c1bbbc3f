"""Runs as one archive, to be carried where no network goes: what is in it, writing it, taking it in."""
