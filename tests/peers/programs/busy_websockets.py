"""Python's `websockets` as the peer of a busy server; busy.ts says what it does."""

import asyncio
import json
import sys
import time

import websockets


async def ping(socket, result, begin, every):
    async def answered(pong, at):
        try:
            await pong
        except websockets.ConnectionClosed:
            return
        result["pongs"] += 1
        if (time.monotonic() - begin) * 1000 - at < 500:
            result["answered"] = at

    running = set()
    while True:
        await asyncio.sleep(every)
        at = (time.monotonic() - begin) * 1000
        running.add(asyncio.ensure_future(answered(await socket.ping(), at)))


async def main(url, time_, every, pingEvery):
    result = {"sent": 0, "answered": 0, "pongs": 0}
    async with websockets.connect(url) as socket:
        begin = time.monotonic()
        pinging = asyncio.ensure_future(ping(socket, result, begin, pingEvery / 1000))
        try:
            while True:
                now = (time.monotonic() - begin) * 1000
                while result["sent"] < min(now, time_) // every:
                    await socket.send(str(result["sent"]).rjust(20, "."))
                    result["sent"] += 1
                if now >= time_:
                    break
                await asyncio.sleep(every / 1000)
        except websockets.ConnectionClosed:
            pass
        await socket.close()
        pinging.cancel()
    result["closedAt"] = (time.monotonic() - begin) * 1000
    print(json.dumps({**result, "code": socket.close_code}), flush=True)


order = json.loads(sys.argv[1])
order["time_"] = order.pop("time")
asyncio.run(main(**order))
