"""Python's `websockets`, as a server and as a client; peer.ts says what a peer program does."""

import asyncio
import json
import os
import ssl
import sys
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import websockets

CERTIFICATES = Path(__file__).parent.parent.parent / "certificates"
LIMITS = {"max_size": None, "ping_interval": None}


def tell(**event):
    print(json.dumps(event), flush=True)


def read_target(target):
    query = parse_qs(urlsplit(target).query)
    return query.get("id", [""])[0], int(query.get("refuse", ["0"])[0])


async def fragments(texts):
    for text in texts:
        yield text


async def answer(socket, data):
    if not isinstance(data, str) or not data.startswith("!"):
        return await socket.send(data)
    command, *words = data.split(" ")
    if command == "!ping":
        await (await socket.ping(words[0]))
        await socket.send(f"pong {words[0]}")
    elif command == "!fragments":
        await socket.send(fragments(words))
    elif command == "!flood":
        await socket.send(bytes(int(words[0])))
    elif words:
        await socket.close(int(words[0]), " ".join(words[1:]))
    else:
        await socket.close()


async def serve(socket, id):
    tell(id=id, event="open", protocol=socket.subprotocol or "")
    tasks = set()
    try:
        async for data in socket:
            # The pong that a ping waits for comes through this loop's own connection.
            task = asyncio.ensure_future(answer(socket, data))
            if isinstance(data, str) and data.startswith("!"):
                tasks.add(task)
            else:
                await task
    except websockets.ConnectionClosed:
        pass
    await socket.wait_closed()
    await asyncio.gather(*tasks, return_exceptions=True)
    tell(id=id, event="closed", code=socket.close_code, reason=socket.close_reason)


async def refuse(target, headers):
    _, status = read_target(target)
    if status:
        return HTTPStatus(status), [], f"refused with {status}".encode()


async def connect(id, url, protocols):
    context = None
    if url.startswith("wss:"):
        context = ssl.create_default_context(cafile=CERTIFICATES / "ca.pem")
    try:
        socket = await websockets.connect(
            url, ssl=context, subprotocols=protocols or None, **LIMITS
        )
    except websockets.InvalidStatusCode as error:
        return tell(id=id, event="failed", status=error.status_code)
    await serve(socket, id)


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "leaf.pem", CERTIFICATES / "leaf.key")
    ports = [
        (
            await websockets.serve(
                lambda socket: serve(socket, read_target(socket.path)[0]),
                "127.0.0.1",
                0,
                ssl=tls,
                subprotocols=["chat.2"],
                process_request=refuse,
                **LIMITS,
            )
        ).sockets[0].getsockname()[1]
        for tls in (None, context)
    ]
    tell(event="ready", plain=ports[0], secure=ports[1])
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    running = set()
    while line := await orders.readline():
        running.add(asyncio.ensure_future(connect(**json.loads(line))))
    os._exit(0)


asyncio.run(main())
