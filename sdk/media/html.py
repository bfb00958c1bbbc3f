"""Pages of HTML."""

import os
from functools import partial
from typing import Any, ClassVar

from tidelog.datastore.disk import Disk
from tidelog.sdk.media.source import bytes_of, read_path, require_size
from tidelog.sdk.media.value import Encoded, Keep, MediaValue, Snapshot
from tidelog.sdk.notices import shown

HEAD = b'<base target="_blank">'
"""What `inject` adds. wandb adds a style sheet from its server as well; a page here needs no network."""
S_PER_BYTE = 2e-9


class Html(MediaValue):
    """A page to log: HTML, the path of an `.html` file, or an open file.

    With `inject` its links open beside the page that shows it; without, the bytes stay as they are.
    """

    type: ClassVar[str] = "html"
    folder: ClassVar[str] = "html"

    def __init__(
        self,
        data: Any,
        inject: bool = True,  # noqa: FBT001, FBT002 - wandb's signature
        data_is_not_path: bool = False,  # noqa: FBT001, FBT002 - wandb's signature
        caption: object = None,
        **unknown: object,
    ) -> None:
        super().__init__(caption, unknown=unknown)
        self._is_injected = inject
        self._may_be_path = not data_is_not_path
        self._hold(lambda: _take(data))

    @property
    def html(self) -> str:
        """The page. Raises ValueError where there is none."""
        return self._page(Disk()).decode(errors="replace")

    def snapshot(self, disk: Disk) -> Snapshot:
        """Return the page."""
        page = self._page(disk)
        require_size(len(page), "it has", kind="page")
        return Snapshot(len(page), len(page) * S_PER_BYTE, partial(self._encode, page))

    def _encode(self, page: bytes, _keep: Keep) -> Encoded:
        return Encoded(self.type, self.folder, "html", page, self._captioned({}))

    def _page(self, disk: Disk) -> bytes:
        held = self._require_held()
        if self._may_be_path and _is_html_path(held, disk):
            page = read_path(held, disk, kind="page")
        elif isinstance(held, os.PathLike):
            raise ValueError(f"{os.fspath(held)} is no .html file that is there")
        else:
            page = held.encode("utf-8", "backslashreplace") if isinstance(held, str) else held
        return _with_head(page) if self._is_injected else page


def _take(data: Any) -> Any:
    if isinstance(data, (str, os.PathLike)):
        return data
    content = bytes_of(data)
    if content is None:
        raise ValueError(
            f"{shown(data)} is no page: give HTML as text, the path of an .html file, or an open file"
        )
    return content


def _is_html_path(data: Any, disk: Disk) -> bool:
    if isinstance(data, bytes) or not os.fspath(data).endswith((".html", ".htm")):
        return False
    try:
        disk.stat(data)
    except (OSError, ValueError):  # HTML that ends like a path may hold anything.
        return False
    return True


def _with_head(page: bytes) -> bytes:
    for tag, opened in ((b"<head>", b"<head>" + HEAD), (b"<html>", b"<html><head>" + HEAD + b"</head>")):
        if tag in page:
            return page.replace(tag, opened, 1).strip()
    return (HEAD + page).strip()
