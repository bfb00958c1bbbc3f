"""A line for a person that knows what it is about; whoever wants nothing but text has that. No I/O."""

from typing import Self


class Notice(str):
    """Text with members such as `target` and `run`, for logs that programs read."""

    __slots__ = ("about", "is_good_news")

    about: dict[str, str]
    is_good_news: bool

    def __new__(cls, text: str, *, is_good_news: bool = False, **about: str) -> Self:
        """Return the line. Good news ends a trouble that was told before."""
        notice = super().__new__(cls, text)
        notice.about = about
        notice.is_good_news = is_good_news
        return notice
