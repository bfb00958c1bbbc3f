"""The hub: runs where people look; receives runs, guards them, and tells what it holds."""
