"""A URL as fsspec has them, `zip://runs/r1::https://host/a.zip` included. Pure text, no I/O.

Of the links that `::` chains, the first one that is no mere cache holds the files. Paths on it look like
`//bucket/runs/r1`, the URL less its scheme: two slashes keep them apart from the paths of this machine.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from tidelog.datastore.layout import LOG_SUFFIX

CACHES = ("simplecache", "filecache", "blockcache", "cached")
WEB = ("http", "https")

_WORD = re.compile(r"[a-z0-9]+")
_SECRET = re.compile(r"^[^/@]*@")
_UNQUOTED = "/!$&'()*+,;=:@~"
"""What a path of the web may hold as it is (`pchar` in RFC 3986): an index page has it so, too."""


@dataclass(frozen=True, slots=True)
class RemoteUrl:
    """A URL in its parts.

    `directory` and the `file` in it lie on the link that holds the files; only what is named as a log is
    taken for a file, for what it was saved with lies beside it. Of a web server both are unquoted.
    """

    before: tuple[str, ...]
    scheme: str
    directory: str
    file: str
    query: str
    behind: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "RemoteUrl":
        """Take a URL apart; any text is one."""
        links = text.split("::")
        caches = 0
        while caches < len(links) - 1 and links[caches].removesuffix("://") in CACHES:
            caches += 1
        scheme, path = _scheme_and_rest(links[caches])
        query = ""
        if scheme in WEB:
            path, mark, query = path.partition("?")
            host, slash, names = path.partition("/")
            path, query = f"{host}{slash}{unquote(names)}", mark + query
        directory, file = path.rstrip("/"), ""
        if directory.endswith(LOG_SUFFIX):
            directory, _, file = directory.rpartition("/")
        return cls(tuple(links[:caches]), scheme, directory, file, query, tuple(links[caches + 1 :]))

    @property
    def is_web(self) -> bool:
        """Whether the files lie on a web server: names are quoted, directories are pages of links."""
        return self.scheme in WEB

    @property
    def schemes(self) -> list[str]:
        """The schemes of all links, in order."""
        around = [[_scheme_and_rest(link)[0] for link in links] for links in (self.before, self.behind)]
        return [*around[0], self.scheme, *around[1]]

    @property
    def root(self) -> str:
        """The path of the directory; a whole archive is named after its file."""
        path = _SECRET.sub("", self.directory).strip("/")
        if not path and self.behind:
            archive = _scheme_and_rest(self.behind[0])[1].partition("?")[0].rpartition("/")[2]
            path = archive.rpartition(".")[0] or archive
        return f"//{path}"

    def address(self, below: str = "") -> str:
        """Return what a web server is asked for what lies `below` the directory."""
        return f"{self._link(below)}{self.query}"

    def page(self, below: str = "") -> str:
        """Return what a web server is asked for the directory that lies `below` this one."""
        return f"{self._link(below)}/{self.query}"

    def shown(self, below: str = "") -> str:
        """Return the URL of what lies `below` for messages: without passwords and signatures."""
        links = (*self.before, self._link(below), *self.behind)
        return "::".join(_without_secrets(link) for link in links)

    def name_in(self, address: str, listed: str) -> str | None:
        """Return the name of what the listing of `address` holds, None where it lies elsewhere."""
        if self.is_web:
            address = address.partition("://")[2].partition("?")[0]
            listed = listed.partition("://")[2].replace("/./", "/")
            if "?" in listed or "#" in listed:
                return None  # Such as a link that sorts the page.
        parent, _, name = listed.rstrip("/").rpartition("/")
        if self.is_web:
            name = unquote(name)
        is_name = name not in ("", ".", "..") and "/" not in name and "\0" not in name
        return name if is_name and parent.strip("/") == address.strip("/") else None

    def _link(self, below: str) -> str:
        path = "/".join(part for part in (self.directory, below) if part)
        if self.is_web:
            host, slash, names = path.partition("/")
            path = f"{host}{slash}{quote(names, safe=_UNQUOTED)}"
        return f"{self.scheme}://{path}"


def _scheme_and_rest(link: str) -> tuple[str, str]:
    scheme, mark, rest = link.partition("://")
    if mark:
        return scheme, rest
    # As fsspec has it: `zip::https://...` is a scheme, `zip://r1::/tmp/a.zip` ends in a path.
    return (link, "") if _WORD.fullmatch(link) else ("file", link)


def _without_secrets(link: str) -> str:
    scheme, mark, rest = link.partition("://")
    if not mark:
        return link
    if scheme in WEB:
        rest = rest.partition("?")[0]
    return f"{scheme}://{_SECRET.sub('', rest)}"
