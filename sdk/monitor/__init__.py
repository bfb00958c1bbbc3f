"""System metrics, and how a trainer ended that died without a word; in a process of its own."""
