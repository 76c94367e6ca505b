"""The application in a browser of this machine, and who is kept out."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What ``uner tui --serve`` prints."""
    folder = tmp_path_factory.mktemp("in")
    (folder / "a.txt").write_text("Maria Jensen lives in Copenhagen.", "utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uner_edge.cli", "tui", str(folder), "--types", "person"]
    with subprocess.Popen(
        [*command, "--serve", "--port", str(port)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        match = re.search(r"http://\S+", process.stdout.readline())
        assert match is not None
        try:
            yield match[0]
        finally:
            process.terminate()


def status(address: str, **headers: str) -> int:
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_person_works_in_it_and_the_page_asks_nobody_else(address: str, browser: Browser) -> None:
    origin = address.partition("/?")[0]
    page = browser.new_page()
    asked: list[str] = []
    said: list[str] = []
    received: list[bytes] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on(
        "websocket",
        lambda ws: ws.on(
            "framereceived",
            lambda frame: received.append(frame if isinstance(frame, bytes) else frame.encode()),
        ),
    )

    def seen(text: str) -> None:
        for _ in range(300):
            if text.encode() in b"".join(received):
                return
            page.wait_for_timeout(100)
        raise AssertionError(f"never shown: {text}")

    page.goto(address)
    seen("uner-tagger-small")
    seen("Maria Jensen")
    page.mouse.click(600, 300)
    page.keyboard.type("?")
    seen("higher threshold")
    page.keyboard.press("q")
    page.wait_for_timeout(500)
    page.keyboard.press("q")
    page.wait_for_selector("body.-closed", state="attached", timeout=20_000)
    assert asked and all(url.startswith((origin, "data:")) for url in asked), asked
    assert "key=" not in page.url
    assert not [line for line in said if "Content Security" in line]
    page.close()


def test_nobody_else_gets_in(address: str) -> None:
    origin = address.partition("/?")[0]
    for path in ("", "/ws", "/?key=", "/?key=%C3%A9"):
        assert status(origin + path) == 403
    assert status(address, Origin="http://evil.example") == 403
    assert status(address, Host="evil.example") == 403
