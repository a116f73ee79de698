"""The page with this machine's Python behind it: a server for this machine alone.

It listens on 127.0.0.1. Whoever asks must know the random token that stands in the page's address, so no other page
and no other user gets in; requests under another name of the host (DNS rebinding) and websockets that another page
opens (their Origin) are refused before the token is looked at.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

from tinygrad_mnist.playground.errors import PlaygroundError
from tinygrad_mnist.playground.protocol import LARGEST_MESSAGE
from tinygrad_mnist.playground.session import Session

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

HOST = "127.0.0.1"

WAITING, PAGES = 8, 8
"""Requests of a page that may wait for their answers, and pages that are open at a time."""

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

POLICY_VIOLATION, TRY_AGAIN, UNSUPPORTED = 1008, 1013, 1003
"""Codes with which a websocket is closed."""


class Guard:
    """Who is let in: those who know the token, and ask for this host and port from a page of it."""

    def __init__(self, port: int, token: str) -> None:
        self.token = token.encode()
        self.hosts = {f"{name}:{port}" for name in (HOST, "localhost")}
        self.origins = {f"http://{host}" for host in self.hosts}

    def admits(self, connection: HTTPConnection) -> bool:
        """Whether a request, or the beginning of a websocket, may be answered."""
        origin = connection.headers.get("origin")
        is_from_here = origin in self.origins if connection.scope["type"] == "websocket" or origin else True
        given = connection.query_params.get("token", "").encode("utf-8", "surrogatepass")
        is_for_here = connection.headers.get("host") in self.hosts
        return is_for_here and is_from_here and secrets.compare_digest(given, self.token)


def application(page: str, guard: Guard) -> Starlette:
    """The page at /, and its messages at /messages, one session for each websocket."""
    from starlette.applications import Starlette
    from starlette.responses import HTMLResponse, PlainTextResponse
    from starlette.routing import Route, WebSocketRoute

    pages: set[Session] = set()

    async def home(request: Request) -> Response:
        if not guard.admits(request):
            return PlainTextResponse("open the address that tinygrad-mnist playground printed\n", 403, HEADERS)
        return HTMLResponse(page, headers=HEADERS)

    async def messages(websocket: WebSocket) -> None:
        if not guard.admits(websocket):
            await websocket.close(POLICY_VIOLATION)  # before it is accepted: 403
            return
        await websocket.accept()
        if len(pages) >= PAGES:
            await websocket.close(TRY_AGAIN, f"{PAGES} pages are open: close one")
            return
        session = Session()
        pages.add(session)
        try:
            await _answered(websocket, session)
        finally:
            pages.discard(session)

    return Starlette(routes=[Route("/", home), WebSocketRoute("/messages", messages)])


async def _answered(websocket: WebSocket, session: Session) -> None:
    """Answer in a thread, one after the other, while what comes is waited for: so the end of the page is noticed."""
    waiting: asyncio.Queue[str] = asyncio.Queue(WAITING)

    async def answering() -> None:
        while True:
            reply = await asyncio.to_thread(session.answer, await waiting.get())
            await websocket.send_text(reply)

    answers = asyncio.create_task(answering())
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                await websocket.close(UNSUPPORTED, "messages are text")
                return
            try:
                waiting.put_nowait(text)
            except asyncio.QueueFull:
                await websocket.close(POLICY_VIOLATION, f"more than {WAITING} requests wait for their answers")
                return
    finally:
        session.close()
        answers.cancel()
        with suppress(asyncio.CancelledError, Exception):  # nobody is there to be told
            await answers


def _require(*packages: str) -> None:
    for name in packages:
        try:
            import_module(name)
        except ImportError:
            raise PlaygroundError(
                f"the playground's server needs {name}, which is not installed: "
                f"pip install 'tinygrad-mnist[playground]'; or write a page that needs no server, with --html FILE"
            ) from None


def serve(page: str, port: int = 0, opened: Callable[[str], None] = lambda address: None, browser: bool = True) -> None:
    """Serve the page on this machine until Ctrl-C. opened: called with its address. port: 0 for any that is free.

    Raises PlaygroundError where a package of the extra `playground` is missing, and OSError where the port is taken.
    """
    _require("uvicorn", "websockets", "starlette")
    import uvicorn
    from threadpoolctl import threadpool_limits

    token = secrets.token_urlsafe(24)
    with socket.create_server((HOST, port)) as listening, threadpool_limits(1, user_api="blas"):
        port = listening.getsockname()[1]
        config = uvicorn.Config(
            application(page, Guard(port, token)), log_level="error", access_log=False, ws_max_size=LARGEST_MESSAGE,
            ws="websockets-sansio", lifespan="off", server_header=False, timeout_graceful_shutdown=3,
        )  # fmt: skip
        address = f"http://{HOST}:{port}/?token={token}"
        opened(address)
        if browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
