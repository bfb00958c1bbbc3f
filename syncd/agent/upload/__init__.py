"""Carrying out what was planned: reading a run here, sending it, keeping what was acknowledged."""
