"""Python's `websockets` with permessage-deflate; terms.ts says how a connection asks for its terms."""

import asyncio
import json
import os
import re
import sys
from urllib.parse import parse_qs, urlsplit

import websockets
from websockets.extensions import permessage_deflate

LIMITS = {"max_size": None, "ping_interval": None, "compression": None}


def tell(**event):
    print(json.dumps(event), flush=True)


def read_terms(target):
    query = parse_qs(urlsplit(target).query)
    terms = json.loads(query.get("terms", ["{}"])[0])
    snake = {re.sub("[A-Z]", lambda m: "_" + m[0].lower(), key): terms[key] for key in terms}
    return query.get("id", [""])[0], snake


async def fragments(texts):
    for text in texts:
        yield text


async def serve(socket, id):
    tell(
        id=id,
        event="open",
        extensions=socket.response_headers.get("Sec-WebSocket-Extensions", ""),
    )
    try:
        async for data in socket:
            if isinstance(data, str) and data.startswith("!fragments "):
                data = fragments(data.split(" ")[1:])
            await socket.send(data)
    except websockets.ConnectionClosed:
        pass
    await socket.wait_closed()
    tell(id=id, event="closed", code=socket.close_code)


class Protocol(websockets.WebSocketServerProtocol):
    def process_extensions(self, headers, available_extensions):
        _, terms = read_terms(self.path)
        factory = permessage_deflate.ServerPerMessageDeflateFactory(**terms)
        return super().process_extensions(headers, [factory])


async def connect(id, url, protocols):
    _, terms = read_terms(url)
    factory = permessage_deflate.ClientPerMessageDeflateFactory(**terms)
    await serve(await websockets.connect(url, extensions=[factory], **LIMITS), id)


async def main():
    server = await websockets.serve(
        lambda socket: serve(socket, read_terms(socket.path)[0]),
        "127.0.0.1",
        0,
        create_protocol=Protocol,
        **LIMITS,
    )
    tell(event="ready", plain=server.sockets[0].getsockname()[1])
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    running = set()
    while line := await orders.readline():
        running.add(asyncio.ensure_future(connect(**json.loads(line))))
    os._exit(0)


asyncio.run(main())
