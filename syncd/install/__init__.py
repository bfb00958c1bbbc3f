"""The agent and the hub as services of the system: what systemd and launchd are told, and where."""
