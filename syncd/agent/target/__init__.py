"""Where runs go: hubs and other roots, behind one contract."""
