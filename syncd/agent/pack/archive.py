"""A pack as it comes in: its table of contents, then the members that it names, in its order.

Trusts the table in nothing but the names to expect: any other member, and any byte too many, ends it.
"""

import asyncio
import hashlib
from collections.abc import Callable

from tidelog.syncd.agent.pack.contents import (
    CONTENTS_BYTES_MAX,
    CONTENTS_NAME,
    Contents,
    PackError,
    decode_contents,
)
from tidelog.syncd.agent.pack.tar_stream import (
    BLOCK_BYTES,
    EXTENDED_BYTES_MAX,
    Member,
    TarStream,
    ZstdStream,
)

OVERHEAD_BYTES = 4 * BLOCK_BYTES + EXTENDED_BYTES_MAX
"""What a member may take beside its bytes: headers and padding."""
END_BYTES_MAX = 64 * 1024
SKIP_BYTES = 1024 * 1024


class Archive:
    """One archive, whose bytes `read_input(size)` gives. Every method raises PackError where it ends."""

    def __init__(self, read_input: Callable[[int], bytes], *, on_bytes: Callable[[int], None]) -> None:
        """`on_bytes` hears how many bytes of members were read."""
        self._on_bytes = on_bytes
        self._stream = ZstdStream(read_input, bytes_max=CONTENTS_BYTES_MAX + OVERHEAD_BYTES)
        self._tar = TarStream(self._stream.read)
        self._members = iter(self._tar)

    async def open(self) -> Contents:
        """Return the table of contents."""
        member = await self._next()
        if member is None or member.name != CONTENTS_NAME or member.size > CONTENTS_BYTES_MAX:
            raise PackError(
                "it is no archive that `syncd pack` wrote: it does not start with its contents"
            )
        contents = decode_contents(await asyncio.to_thread(self._tar.read, member.size))
        members = sum(1 for _ in contents.members()) + 1
        self._stream.bytes_max += contents.size + members * OVERHEAD_BYTES + END_BYTES_MAX
        return contents

    async def expect(self, name: str, size: int) -> None:
        """Go to the next member, which must be this one."""
        member = await self._next()
        if member is None:
            raise PackError(f"it ends before {name}")
        if member != (name, size):
            raise PackError(
                f"it has {member.name!r} of {member.size} bytes where its contents name {name!r} of "
                f"{size}"
            )

    async def read(self, size: int) -> bytes:
        """Return the next bytes of the member."""
        data = await asyncio.to_thread(self._tar.read, size)
        self._on_bytes(len(data))
        return data

    async def pass_over(self, size: int, digest: "hashlib._Hash") -> None:
        """Pass over bytes of the member that the target has; its digest counts all the same."""
        await asyncio.to_thread(self._pass_over, size, digest)

    async def _next(self) -> Member | None:
        return await asyncio.to_thread(next, self._members, None)

    def _pass_over(self, size: int, digest: "hashlib._Hash") -> None:
        while size:
            data = self._tar.read(min(size, SKIP_BYTES))
            digest.update(data)
            size -= len(data)
