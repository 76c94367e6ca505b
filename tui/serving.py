"""The application in a browser of this machine: ``uner tui --serve``.

Nobody else gets in: it listens at 127.0.0.1 alone, asks for a secret that only the printed address
holds, and answers no page of another origin. The page loads nothing from anywhere else.
"""

from __future__ import annotations

import secrets
import shlex
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from textual_serve.server import Server

from uner_edge.errors import UsageError
from uner_edge.offline import allow_listening

COOKIE = "uner"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "font-src 'self' data:; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
)
"""Content-Security-Policy: whatever the page asks for, it is asked here or not at all."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LocalServer(Server):
    """textual-serve for one person: checks who asks, and says where to look."""

    def __init__(self, command: str, port: int) -> None:
        super().__init__(
            command,
            host="127.0.0.1",
            port=port,
            title="uner",
            templates_path=Path(__file__).parent / "templates",
        )
        self.secret = secrets.token_urlsafe(24)

    @property
    def address(self) -> str:
        """What to open in the browser."""
        return f"{self.public_url}/?key={self.secret}"

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guard)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets in who knows the secret, from a page of this server (or typed in by hand)."""
        here = f"{self.host}:{self.port}"
        origin = request.headers.get("Origin", f"http://{here}")
        if request.host != here or origin != f"http://{here}":
            raise web.HTTPForbidden(text="not from here")
        if self._knows(request.query.get("key", "")):
            answer: web.StreamResponse = web.HTTPFound("/")
            answer.set_cookie(COOKIE, self.secret, httponly=True, samesite="Strict")
            return answer
        if not self._knows(request.cookies.get(COOKIE, "")):
            raise web.HTTPForbidden(text="open the address that uner printed, with its key")
        answer = await handler(request)
        if not answer.prepared:
            answer.headers["Content-Security-Policy"] = POLICY
            answer.headers["Referrer-Policy"] = "no-referrer"
        return answer

    def _knows(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self.secret.encode())

    async def on_startup(self, app: web.Application) -> None:
        """Says where to look."""
        print(f"open {self.address}\nCtrl+C ends it", flush=True)


def serve(arguments: list[str], port: int) -> int:
    """Serves ``uner ARGUMENTS`` until it is interrupted; the exit code.

    Raises:
        UsageError: The port is taken.
    """
    command = [sys.executable, "-m", "uner_edge.cli", *arguments]
    line = subprocess.list2cmdline(command) if sys.platform == "win32" else shlex.join(command)
    allow_listening(port)
    try:
        LocalServer(line, port).serve()
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"port {port}: {reason}; another one: --port {port + 1}") from error
    return 0
