"""The golden logs as they are built: what writes them must give the same bytes for ever."""

from log_spec import TIME, LogSpec, log_of_every_kind

from tidelog.datastore.format import RECORDS

FROM_THE_FUTURE = 9


def _flipped(log: LogSpec, at: int) -> bytes:
    data = bytearray(log.data)
    data[at] ^= 0x10
    return bytes(data)


def _two_schemas_lost() -> bytes:
    log = LogSpec()
    for step in range(4):
        log.row({"a": step}, step=step)
    log.checkpoint()
    data = bytearray(log.data)
    data[log.ends[0] - 1] ^= 1
    data[log.ends[1] - 1] ^= 1
    return bytes(data)


def _unknown_kind() -> bytes:
    log = LogSpec().row({"a": 1}, step=0)
    log.chunk(RECORDS, log.encoder._pack([42, "of a later version"]))
    log.chunk(FROM_THE_FUTURE, b"whatever it holds")
    return log.row({"a": 2}, step=1).data


_EVERY = log_of_every_kind()

GOLDEN = {
    "every_kind": _EVERY.data,
    "header_only": LogSpec().data,
    "smallest": LogSpec().row({"loss": 0.5}, step=0, time=TIME).data,
    "torn_tail": _EVERY.data[: _EVERY.ends[7] + 33],
    "zeros_at_the_end": _EVERY.data[: _EVERY.ends[7] + 33] + bytes(4096),
    "flipped_bit": _flipped(_EVERY, _EVERY.ends[3] - 5),
    "lost_header": bytes(40) + _EVERY.data[40:],
    "unknown_kind": _unknown_kind(),
    "two_schemas_lost": _two_schemas_lost(),
}
