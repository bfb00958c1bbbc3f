"""What a real browser makes of media with scripts in it. Needs Chromium; `make proof` runs it."""

import contextlib
import functools
import http.server
import io
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from run_spec import RunSpec

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DEADLINE_S = 60
MARK = "EXECUTED-HERE"
# Each writes the mark into its own document, which is then in the DOM that Chromium prints.
SCRIPT = f"document.documentElement.setAttribute('data-mark', '{MARK.lower()}'.toUpperCase())"
SVG = "http://www.w3.org/2000/svg"
HOSTILE = {
    "a.html": f'<!doctype html><body><script>{SCRIPT}</script><img src=x onerror="{SCRIPT}"></body>',
    "a.svg": f'<svg xmlns="{SVG}" onload="{SCRIPT}"><script>{SCRIPT}</script></svg>',
    "frame.html": f'<!doctype html><iframe srcdoc="<script>parent.{SCRIPT}</script>"></iframe>',
    "refresh.html": f'<!doctype html><meta http-equiv=refresh content="0;url=javascript:{SCRIPT}">',
}

pytestmark = pytest.mark.proof


def dom_of(url: str, profile: Path) -> str:
    """Return the document that Chromium has after it has loaded a page and run what it runs."""
    assert CHROMIUM is not None, "install Chromium, as by `apt-get install chromium`: a proof needs it"
    result = subprocess.run(
        [
            *(str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *("--virtual-time-budget=3000", f"--user-data-dir={profile}", url),
        ],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    return result.stdout


@contextlib.contextmanager
def plain_server(directory: Path) -> Iterator[str]:
    """Serve files as any web server does: the other side of the comparison."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(directory))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_scripts_in_media_do_not_run(hub, tmp_path: Path) -> None:
    """HTML and SVG that run scripts when any server serves them run none when the hub does."""
    run = RunSpec(hub.data).rows(1)
    for name, text in HOSTILE.items():
        run.media(name, data=text.encode())
    hub.index()
    answer = hub.call("POST", "/v1/projects/mnist/runs/r1/shares", json.dumps({}).encode())
    ran = []
    with plain_server(hub.data / "mnist/r1/media/images") as plain:
        for name in HOSTILE:
            ran += [name] if MARK in dom_of(f"{plain}/{name}", tmp_path / "profile") else []
            held = dom_of(f"{answer.json['url']}/files/media/images/{name}", tmp_path / "profile")
            assert held, name
            assert f'data-mark="{MARK}"' not in held, name
    # Without this the test could not fail.
    assert {"a.html", "a.svg"} <= set(ran)


def test_page_is_styled_and_shows_pictures(hub, tmp_path: Path) -> None:
    """The policy lets through what the page needs: its style sheet and the pictures of its run."""
    picture = io.BytesIO()
    Image.new("RGB", (4, 3), "teal").save(picture, "PNG")
    RunSpec(hub.data).rows(1).media("a.png", data=picture.getvalue())
    hub.index()
    answer = hub.call("POST", "/v1/projects/mnist/runs/r1/shares", b"{}")
    shot = tmp_path / "page.png"
    subprocess.run(
        [
            *(str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu"),
            *(f"--screenshot={shot}", "--window-size=1000,1400", "--virtual-time-budget=3000"),
            *(f"--user-data-dir={tmp_path / 'profile'}", answer.json["url"]),
        ],
        capture_output=True,
        timeout=DEADLINE_S,
        check=True,
    )
    colours = {colour for _, colour in Image.open(shot).convert("RGB").getcolors(1 << 20) or []}
    assert (0, 128, 128) in colours
