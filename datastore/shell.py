"""Text from anybody as a shell's argument or comment: it stays one, and steers no terminal. No I/O."""

import shlex


def quoted(text: str) -> str:
    """Return text as one argument for bash or zsh; what is not printable as `$'\\x1b'`."""
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(map(_escaped, text.replace("\0", ""))) + "'"


def comment(text: str) -> str:
    """Return a line that a shell passes over, whatever the text holds."""
    return f"# {''.join(c if c.isprintable() else _escaped(c) for c in text)}"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
