"""The sockets on which the server listens."""

from __future__ import annotations

import asyncio
import socket

import pytest

from seehear.serve.server import listen
from seehear.serve.settings import ServeSettings


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_answers_are_sent_without_waiting_for_acknowledgements(host: str) -> None:
    async def accept() -> int:
        accepted = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(lambda _, writer: accepted.set_result(writer), sock=listener)
        async with server:
            _, client = await asyncio.open_connection(*listener.getsockname()[:2])
            writer = await accepted
            accepted_socket = writer.get_extra_info("socket")
            no_delay: int = accepted_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            client.close()
            writer.close()
        return no_delay

    with listen(
        ServeSettings(host=host, port=0, token="a token of this test" if host != "127.0.0.1" else None)
    ) as listener:
        assert asyncio.run(accept())
