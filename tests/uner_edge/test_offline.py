"""In processes of their own: an audit hook cannot be removed."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest


def run(code: str) -> str:
    """What a fresh interpreter prints for ``code`` once the network is denied."""
    code = f"""
import os, socket, tempfile
from uner_edge.offline import deny_network
deny_network()
def refused(attempt):
    try:
        attempt()
    except PermissionError as error:
        return str(error)
    return "went through"
{textwrap.dedent(code)}
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("attempt", "event"),
    [
        ("socket.create_connection(('127.0.0.1', 9))", "socket.getaddrinfo"),
        ("socket.socket().connect(('127.0.0.1', 9))", "socket.connect"),
        ("socket.socket().connect_ex(('127.0.0.1', 9))", "socket.connect"),
        ("socket.socket().bind(('127.0.0.1', 0))", "socket.bind"),
        (
            "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
            "socket.sendto",
        ),
        (
            "socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('127.0.0.1', 9))",
            "socket.sendmsg",
        ),
        ("socket.getaddrinfo('example.invalid', 80)", "socket.getaddrinfo"),
        ("socket.gethostbyname('example.invalid')", "socket.gethostbyname"),
        ("socket.gethostbyname_ex('example.invalid')", "socket.gethostbyname"),
        ("socket.gethostbyaddr('127.0.0.1')", "socket.gethostbyaddr"),
        ("socket.getnameinfo(('127.0.0.1', 80), 0)", "socket.getnameinfo"),
        ("__import__('_socket').socket().connect(('127.0.0.1', 9))", "socket.connect"),
    ],
)
def test_every_way_out_is_refused(attempt: str, event: str) -> None:
    answer = run(f"print(refused(lambda: {attempt}))")
    assert answer == f"uner-edge does not use the network: {event} refused"


def test_a_library_that_asks_for_a_page_is_refused() -> None:
    answer = run(
        """
        import urllib.request
        try:
            urllib.request.urlopen("http://127.0.0.1:9/")
        except OSError as error:
            print(error)
        """
    )
    assert "uner-edge does not use the network" in answer


def test_threads_and_later_code_are_under_the_same_rule() -> None:
    answer = run(
        """
        import threading
        attempt = lambda: print(refused(lambda: socket.socket().connect(("127.0.0.1", 9))))
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
        """
    )
    assert answer.startswith("uner-edge does not use the network")


@pytest.mark.skipif(not hasattr(__import__("socket"), "AF_UNIX"), reason="no such sockets here")
def test_sockets_within_the_machine_stay_possible() -> None:
    answer = run(
        """
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
                server.bind("here")
                server.listen()
                client.connect("here")
                client.sendall(b"x")
        one, other = socket.socketpair()
        one.sendall(b"y")
        print(other.recv(1))
        """
    )
    assert answer == "b'y'"


def test_importing_the_module_denies_nothing() -> None:
    code = (
        "import socket, uner_edge.offline\n"
        "with socket.socket() as s: s.bind(('127.0.0.1', 0))\n"
        "print('bound')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "bound"


def test_a_run_leaves_nothing_in_the_home_folder(tmp_path: Path) -> None:
    home, note = tmp_path / "home", tmp_path / "note.txt"
    home.mkdir()
    note.write_text("Ann Lee took aspirin in Oslo.", "utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "ORT_"))}
    command = [sys.executable, "-m", "uner_edge.cli", "extract", str(note), "--types", "person"]
    done = subprocess.run(
        command,
        env=environment | {"HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0 and "Ann Lee" in done.stdout, done.stderr
    assert list(home.rglob("*")) == []


def test_listening_is_possible_where_it_was_allowed_and_connecting_is_not() -> None:
    answer = run(
        """
        from uner_edge.offline import allow_listening
        allow_listening(47_113)
        print(refused(lambda: socket.socket().bind(("127.0.0.1", 47_113))))
        print(refused(lambda: socket.socket().bind(("127.0.0.1", 47_114))))
        print(refused(lambda: socket.socket().bind(("0.0.0.0", 47_113))))
        print(refused(lambda: socket.socket().connect(("127.0.0.1", 47_113))))
        """
    )
    first, *others = answer.splitlines()
    assert first == "went through"
    assert len(others) == 3 and all("refused" in line for line in others)
