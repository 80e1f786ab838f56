"""A TCP proxy between worker and broker that can cut every connection, or swallow what they say."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator

from consumers.embedded import LOOPBACK

_CHUNK_BYTES = 65_536


class Proxy:
    """Listens on one port of the loopback interface and passes everything on to another."""

    def __init__(self, port: int, target_port: int) -> None:
        self._port, self._target_port = port, target_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="proxy")
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._deaf: set[asyncio.StreamWriter] = set()
        self._swallowing = False

    def start(self) -> None:
        """Begins to listen."""
        self._thread.start()
        self._do(self._open())

    def close(self) -> None:
        """Ends it, and every connection."""
        self._do(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextlib.contextmanager
    def cut(self) -> Iterator[None]:
        """Every connection is closed and none taken for as long as the block lasts."""
        self._do(self._shut())
        try:
            yield
        finally:
            self._do(self._open())

    @contextlib.contextmanager
    def swallowing(self) -> Iterator[None]:
        """Connections stay open and nothing passes, either way. After the block new connections work again.

        Those that were open, or were opened within it, stay half-open: they have lost bytes and never speak again.
        """
        self._swallowing = True
        try:
            yield
        finally:
            self._do(self._deafen())

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self._port)

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _deafen(self) -> None:
        self._deaf |= self._writers
        self._swallowing = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._target_port)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self._writers |= both
        try:
            await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
        finally:
            self._writers -= both
            self._deaf -= both
            for each in both:
                each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while said := await reader.read(_CHUNK_BYTES):
                if not self._swallowing and writer not in self._deaf:
                    writer.write(said)
                    await writer.drain()
        if not self._swallowing and writer not in self._deaf:
            writer.transport.abort()

    def _do(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)
