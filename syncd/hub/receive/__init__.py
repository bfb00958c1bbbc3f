"""What comes in: appends and files, judged, written and synced before they are acknowledged."""
