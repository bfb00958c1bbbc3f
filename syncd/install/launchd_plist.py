"""A service as a property list of launchd: launchd.plist(5). Values in, bytes out."""

import plistlib
from typing import Any

from tidelog.syncd.install.service import FILES_MAX, MARK, STOP_S, Service

LABEL_PREFIX = "tidelog."
THROTTLE_S = 60
"""launchd cannot tell a service that cannot start from one that failed: it tries this seldom."""


def label_of(name: str) -> str:
    """Return launchd's name for a service."""
    return f"{LABEL_PREFIX}{name}"


def plist_bytes(service: Service) -> bytes:
    """Return the property list."""
    document: dict[str, Any] = {
        "Label": label_of(service.name),
        "ProgramArguments": list(service.command),
        "EnvironmentVariables": dict(service.environment),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": THROTTLE_S,
        "ExitTimeOut": STOP_S,
        "SoftResourceLimits": {"NumberOfFiles": FILES_MAX},
        "Umask": 0o077,
    }
    if service.account is not None:
        document["UserName"] = service.account
    if service.is_agent:
        document |= {"ProcessType": "Background", "LowPriorityIO": True, "Nice": 10}
    text = plistlib.dumps(document, sort_keys=False).decode()
    return text.replace("<plist", f"<!-- {MARK}; `syncd uninstall` removes it. -->\n<plist", 1).encode()
