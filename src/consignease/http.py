"""The HTTP server in front of an ASGI application."""

import asyncio
import contextlib
import socket
from typing import Any

import uvicorn

from consignease.settings import Settings


class HttpServer(uvicorn.Server):
    """uvicorn without its own signal handling: the process is ours to end.

    Nor does it wake ten times a second to see whether it is to end.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()

    def finish(self) -> None:
        """Let `serve` come to its end: no new connections, and what is under way is waited for."""
        self.should_exit = True
        self._ended.set()

    async def main_loop(self) -> None:
        """Wait until the end."""
        await self.on_tick(0)  # headers that every answer has
        await self._ended.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Leave signals alone."""
        yield


def http_server(settings: Settings, app: Any, protocol: dict[str, Any]) -> HttpServer:
    """Make the HTTP server of an application, as the settings want it.

    Args:
        settings: How to serve.
        app: The ASGI application.
        protocol: What `consignease.front` wants of the server that it is part of.
    """
    return HttpServer(
        uvicorn.Config(
            app,
            **protocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies,
            ssl_certfile=settings.tls_cert or None,
            ssl_keyfile=settings.tls_key or None,
            timeout_graceful_shutdown=round(settings.grace),
            timeout_keep_alive=75,
        )
    )


def listen_on(host: str, port: int) -> socket.socket:
    """Open a listening socket.

    Raises:
        OSError: the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener
