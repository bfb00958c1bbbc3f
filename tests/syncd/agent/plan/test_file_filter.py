"""Which files travel."""

import pytest

from tidelog.syncd.agent.plan.file_filter import FileFilter


@pytest.mark.parametrize(
    ("files", "path", "passes"),
    [
        (FileFilter(), "files/model.pt", True),
        (FileFilter(), "media/images/a.png", True),
        (FileFilter(has_media=False), "media/images/a.png", False),
        (FileFilter(has_media=False), "files/media/a.png", True),
        (FileFilter(("media/**",)), "media/images/a.png", True),
        (FileFilter(("media/**",)), "files/model.pt", False),
        (FileFilter(("*.pt", "media/*")), "files/deep/model.pt", True),
        (FileFilter(("*.PT",)), "files/model.pt", False),
        (FileFilter(("media/**",), has_media=False), "media/a.png", False),
    ],
)
def test_a_file_passes_or_is_held_back(files: FileFilter, path: str, passes: bool) -> None:
    """Patterns are about the whole path; a star crosses folders; case counts."""
    assert passes == files.passes(path)


def test_a_filter_knows_whether_it_holds_anything_back() -> None:
    filters = (FileFilter(), FileFilter(("*",)), FileFilter(has_media=False))
    assert [True, False, False] == [files.is_open for files in filters]
