"""How runs leave a hub: into the trash, back from it, and for good."""
