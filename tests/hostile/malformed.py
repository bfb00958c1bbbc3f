"""Requests that are no HTTP, that are HTTP read in two ways, or that only begin to be any."""

from collections.abc import Iterator
from random import Random

from tidelog.syncd.protocol import digest_header

SMUGGLED = b"DELETE /v1/projects/p/runs/r HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer %b\r\n\r\n"
TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(190))
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
EMPTY_DIGEST = digest_header(b"")
POST = b"POST /v1/projects/p/runs/q/files:missing HTTP/1.1\r\nHost: hub\r\nContent-Digest: %b\r\n" % (
    EMPTY_DIGEST.encode()
)


def malformed(key: str) -> dict[str, bytes]:
    """Return all of them by name; where one holds a second request, that is `SMUGGLED`."""
    bearer = f"Authorization: Bearer {key}\r\n".encode()
    hidden = SMUGGLED % key.encode()
    post, get = POST + bearer, b"GET /v1/runs HTTP/1.1\r\nHost: hub\r\n" + bearer
    return {
        **{f"framing: {name}": post + rest for name, rest in _framings(hidden)},
        **{f"chunks: {name}": _chunked(post) + rest for name, rest in _chunks(hidden)},
        **{f"header: {name}": get + rest + b"\r\n\r\n" for name, rest in _headers()},
        **{f"first line: {number}": line for number, line in enumerate(_first_lines())},
        "many headers": get + b"X-a: b\r\n" * 5000 + b"\r\n",
        "one huge header": get + b"X-a: " + b"b" * 1_000_000 + b"\r\n\r\n",
        "a huge name": get + b"X" * 1_000_000 + b": b\r\n\r\n",
        "a huge cookie": get + b"Cookie: " + b"a=b; " * 3000 + b"\r\n\r\n",
        "a huge address": b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\n\r\n",
        "upgrade to WebSocket": get
        + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x05hello",
        "upgrade to h2c": get
        + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
        + HTTP2,
        "100-continue and nothing": post + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        "100-continue, unknown": post + b"Expect: 200-maybe\r\nContent-Length: 0\r\n\r\n",
        "pipelined garbage": get + b"\r\n" + bytes(range(256)) * 4,
        "pipelined, a hundred": (get + b"\r\n") * 100,
        "pipelined, then half a one": (get + b"\r\n") * 3 + get[:30],
        "TLS hello": TLS_HELLO,
        "HTTP/2": HTTP2,
        "zeros": bytes(4096),
        "blank lines": b"\r\n" * 5000,
        "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
        "SMTP": b"EHLO hub\r\n",
        **{f"noise {seed}": Random(seed).randbytes(2000) for seed in range(20)},
    }


def _framings(hidden: bytes) -> Iterator[tuple[str, bytes]]:
    chunks = b"0\r\n\r\n" + hidden
    length = str(len(hidden)).encode()
    yield "CL and TE", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    yield "TE and CL", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + chunks
    yield "two CL", b"Content-Length: 0\r\nContent-Length: " + length + b"\r\n\r\n" + hidden
    yield "two equal CL", b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"
    yield "CL list", b"Content-Length: 0, " + length + b"\r\n\r\n" + hidden
    for value in ("+5", "-1", "0x5", "5 5", "1_0", "5.0", "1e1", "", "\u0665", "9" * 40, "5;x", '"5"'):
        yield f"CL {value[:5]}", b"Content-Length: " + value.encode() + b"\r\n\r\nabcde"
    for value in (
        "xchunked",
        "chunked, identity",
        "identity",
        "chunked;x",
        "\x0bchunked",
        "gzip",
        "cow",
    ):
        yield f"TE {value!r}", b"Transfer-Encoding: " + value.encode() + b"\r\n\r\n" + chunks
    yield "two TE", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + chunks
    yield "TE with a space", b"Transfer-Encoding : chunked\r\nContent-Length: 0\r\n\r\n" + chunks
    yield "TE folded", b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 0\r\n\r\n" + chunks
    yield "TE after a bare LF", b"X: y\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + chunks
    yield "TE after a bare CR", b"X: y\rTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + chunks
    yield "TE after a NUL", b"X: y\0Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + chunks


def _chunked(post: bytes) -> bytes:
    return post + b"Transfer-Encoding: chunked\r\n\r\n"


def _chunks(hidden: bytes) -> Iterator[tuple[str, bytes]]:
    sizes = (b"-1", b"+1", b"0x1", b"1 ", b" 1", b"g", b"", b"1_0", b"fffffffffffffffff", b"\xd9\xa1")
    for size in sizes:
        yield f"size {size!r}", size + b"\r\na\r\n0\r\n\r\n"
    yield "too long", b"3\r\nabcdefgh\r\n0\r\n\r\n"
    yield "too short", b"8\r\nabc\r\n0\r\n\r\n"
    yield "bare LF", b"1\na\n0\n\n"
    yield "an extension with a LF", b"1;a\nb\r\na\r\n0\r\n\r\n"
    yield "a huge extension", b"1;" + b"a" * 1_000_000 + b"\r\na\r\n0\r\n\r\n"
    yield "huge claims", b"ffffffff\r\n" + b"a" * 1000
    yield "trailers", b"0\r\nAuthorization: Bearer x\r\nContent-Length: 5\r\n\r\n"
    yield "many trailers", b"0\r\n" + b"X: y\r\n" * 50_000 + b"\r\n"
    yield "hidden behind", b"0\r\n\r\n" + b"\r\n" + hidden[:20]
    yield "a thousand small ones", b"1\r\na\r\n" * 1000 + b"0\r\n\r\n"


def _headers() -> Iterator[tuple[str, bytes]]:
    yield "folded", b"X-a: b\r\n c"
    yield "folded first", b" X-a: b"
    yield "without a colon", b"X-a"
    yield "without a name", b": b"
    yield "with a space", b"X a: b"
    yield "with a space behind", b"X-a : b"
    yield "bare LF", b"X-a: b\nX-c: d"
    yield "bare CR", b"X-a: b\rX-c: d"
    yield "NUL", b"X-a: b\0c"
    yield "control", b"X-a: \x01\x02\x1b[2J"
    yield "no UTF-8", b"X-a: \xff\xfe"
    yield "name of no ASCII", "X-ä: b".encode()
    yield "two hosts", b"Host: other"
    yield "two keys", b"Authorization: Bearer other"
    yield "checksum of nonsense", b"Tidelog-Checksum: " + b"\xff" * 100
    yield "range of nonsense", b"Range: bytes=" + b"0-," * 3000
    yield "accept of nonsense", b"Accept: " + b"*/*;q=" * 2000
    yield "date of nonsense", b"If-Modified-Since: \xff\xff"
    yield "forwarded by nonsense", b"X-Forwarded-For: \xff, ::1, ' OR 1=1\r\nX-Forwarded-Proto: \xff"
    yield "override", b"X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /v1/keys"


def _first_lines() -> Iterator[bytes]:
    for version in (b"0.9", b"1.2", b"2.0", b"9.9", b"1.10", b"x", b"1.1x", b"", b"1", b"11", b"-1.1"):
        yield b"GET /healthz HTTP/" + version + b"\r\nHost: hub\r\n\r\n"
    yield b"GET /healthz\r\n\r\n"
    yield b"GET\r\n\r\n"
    yield b"GET  /healthz  HTTP/1.1\r\n\r\n"
    yield b"GET\t/healthz\tHTTP/1.1\r\n\r\n"
    yield b" GET /healthz HTTP/1.1\r\n\r\n"
    yield b"get /healthz HTTP/1.1\r\n\r\n"
    yield b"G\0T /healthz HTTP/1.1\r\n\r\n"
    yield b"GET /health\0z HTTP/1.1\r\n\r\n"
    yield b"GET /healthz HTTP/1.1\n\n"
    yield b"GET /healthz HTTP/1.1\rHost: hub\r\r"
    yield "GÄT /healthz HTTP/1.1\r\n\r\n".encode()
    yield b"X" * 10_000 + b" / HTTP/1.1\r\n\r\n"
    yield b"GET http://[::1 HTTP/1.1\r\nHost: hub\r\n\r\n"
    yield b"GET http://hub:99999999/ HTTP/1.1\r\nHost: hub\r\n\r\n"
    yield b"GET //hub//healthz HTTP/1.1\r\nHost: hub\r\n\r\n"
    yield b"GET * HTTP/1.1\r\nHost: hub\r\n\r\n"
    yield b"OPTIONS * HTTP/1.1\r\nHost: hub\r\n\r\n"
    yield b"CONNECT hub:7070 HTTP/1.1\r\nHost: hub\r\n\r\n"
    yield b"TRACE / HTTP/1.1\r\nHost: hub\r\n\r\n"
    yield b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n"
