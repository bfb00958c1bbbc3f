"""docs/format.md is normative: its tables, its vectors and the code say the same."""

import re
import struct
from pathlib import Path

from golden.specs import GOLDEN
from log_spec import LOG_ID

from tidelog.datastore.format import CHUNK_HEADER, FILE_HEADER, MARKER, PAYLOAD_BYTES_MAX, log_tag
from tidelog.datastore.records import KIND_NAMES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "format.md").read_text()


def table_after(heading: str) -> list[tuple[int, int]]:
    section = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [(int(a), int(b)) for a, b in re.findall(r"^\| (\d+) \| (\d+) \|", section, re.MULTILINE)]


def fields_of(header: struct.Struct) -> list[tuple[int, int]]:
    fields = []
    offset = 0
    for code in re.findall(r"\d*[a-zA-Z]", header.format.lstrip("<")):
        size = struct.calcsize(f"<{code}")
        fields.append((offset, size))
        offset += size
    return fields


def test_the_tables_are_the_struct_strings() -> None:
    """Offsets and sizes of both headers."""
    assert table_after("File header") == fields_of(FILE_HEADER)
    assert table_after("Chunk") == fields_of(CHUNK_HEADER)


def test_the_numbers_in_the_text_are_the_constants() -> None:
    """Marker, limit, kinds and the tag of the vectors."""
    assert f"marker, 0x{MARKER:04X}" in TEXT
    assert f"at most {PAYLOAD_BYTES_MAX // 2**20} MiB" in TEXT
    assert f"0x{log_tag(LOG_ID):08X}" in TEXT
    assert re.findall(r"^\| (\d+) (\w+) \| `\[", TEXT, re.MULTILINE) == [
        (str(kind), name) for kind, name in KIND_NAMES.items()
    ]


def test_the_smallest_log_is_printed_in_full() -> None:
    """The bytes in the text are those of the golden file."""
    dump = TEXT.rsplit("```", 2)[1]
    assert bytes.fromhex(re.sub(r"[^0-9a-f]", "", dump)) == GOLDEN["smallest"]
    assert f"is these {len(GOLDEN['smallest'])} bytes" in TEXT
