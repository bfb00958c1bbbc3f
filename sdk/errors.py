"""Errors that the SDK has for those who catch wandb's; training code meets one of them alone.

Error                  base of the others; nothing raises it
├── CommError          nothing raises it: the SDK waits for no network
└── UsageError         nothing else raises it
    └── AbsentError    what was called is not there, and going on would train nothing
"""


class Error(Exception):
    """Base of all errors that have wandb's names."""


class CommError(Error):
    """The network: named so that `except wandb.CommError` stays valid."""


class ConfigError(Error):
    """A value of config was changed: named so that `except ConfigError` stays valid."""


class UsageError(Error):
    """The SDK was called in a way that cannot work."""


class AbsentError(UsageError):
    """The text says what is not there and what to do instead."""
