"""System metrics, and how a trainer ended that died without a word; in a process of its own.

`start.py` is the trainer's side, `__main__.py` the process; `docs/system-metrics.md` lists the metrics.
"""
