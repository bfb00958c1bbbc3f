"""A service as a unit of systemd: systemd.service(5), systemd.exec(5). Text in, text out.

A unit for the system is confined as far as watching any root allows; one for a user takes only what a
manager without privileges can give, and the rest of it where user namespaces are allowed.
"""

from collections.abc import Iterable

from tidelog.syncd.install.service import (
    AGENT_MEMORY_HIGH,
    CANNOT_START,
    FILES_MAX,
    MARK,
    RESTART_S,
    STOP_S,
    WATCHDOG_S,
    Service,
)

# No PrivateTmp: roots lie below /tmp, too, and may be handed over at any time. No
# MemoryDenyWriteExecute: the watcher's ctypes may need it. No PrivateMounts: a USB disk that is
# mounted later must be seen.
_CONFINED = """\
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0077"""
# What takes privileges that a user's manager lacks: there it would keep the service from starting.
_CONFINED_BY_SYSTEM = """\
CapabilityBoundingSet={capabilities}
AmbientCapabilities=
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
KeyringMode=private
RemoveIPC=yes"""
# A user's control socket lies in $XDG_RUNTIME_DIR; daemons of other states have theirs there, too.
_SOCKET = """\
RuntimeDirectory=tidelog
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes"""
_ROOT_READS_ALL = "CAP_DAC_READ_SEARCH"
# When memory runs out, the kernel is to end this before it ends training.
_IN_THE_BACKGROUND = f"""\
Nice=10
CPUWeight=20
IOSchedulingClass=idle
IOWeight=20
MemoryHigh={AGENT_MEMORY_HIGH}
OOMScoreAdjust=300"""


def unit_text(service: Service) -> str:
    """Return the unit."""
    return "\n\n".join((_unit_section(service), _service_section(service), _install_section(service)))


def escaped(text: str, *, is_command: bool = False) -> str:
    """Return text as one word of a unit, quoted: neither specifiers nor, in a command, variables."""
    doubled = text.replace("%", "%%")
    if is_command:
        doubled = doubled.replace("$", "$$")
    return f'"{"".join(map(_character, doubled))}"'


def _character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def _words(texts: Iterable[str]) -> str:
    return " ".join(map(escaped, texts))


def _unit_section(service: Service) -> str:
    lines = [
        f"# {MARK}: run it again to change this, `syncd uninstall` to remove it.",
        "[Unit]",
        f"Description={service.description}",
    ]
    if service.account is not None:
        lines += ["Wants=network-online.target", "After=network-online.target"]
        lines += [f"RequiresMountsFor={_words(service.writable[:1])}"]
    return "\n".join(lines)


def _service_section(service: Service) -> str:
    program, *arguments = service.command
    # A program's path knows no variables: there a dollar is a dollar.
    command = [escaped(program), *(escaped(argument, is_command=True) for argument in arguments)]
    lines = ["[Service]", "Type=notify", f"ExecStart={' '.join(command)}"]
    if service.is_agent:
        lines.append("ExecReload=/bin/kill -HUP $MAINPID")
    if service.account is not None:
        lines.append(f"User={service.account}")
    lines += [f"Environment={escaped(f'{name}={value}')}" for name, value in service.environment]
    lines += [
        "Restart=on-failure",
        f"RestartSec={RESTART_S}",
        f"RestartPreventExitStatus={CANNOT_START}",
        f"WatchdogSec={WATCHDOG_S}",
        f"TimeoutStopSec={STOP_S}",
        "KillMode=mixed",
        f"LimitNOFILE={FILES_MAX}",
    ]
    if service.is_agent:
        lines.append(_IN_THE_BACKGROUND)
    lines += [_CONFINED, f"ReadWritePaths={_words(service.writable)}"]
    if service.account is None and service.is_agent:
        lines.append(_SOCKET)
    if service.account is not None:
        capabilities = _ROOT_READS_ALL if service.account == "root" else ""
        lines.append(_CONFINED_BY_SYSTEM.format(capabilities=capabilities))
    return "\n".join(lines)


def _install_section(service: Service) -> str:
    target = "default.target" if service.account is None else "multi-user.target"
    return f"[Install]\nWantedBy={target}\n"
