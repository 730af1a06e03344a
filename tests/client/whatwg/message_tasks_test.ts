/** The class WebSocket: messages that come together, each in a task of its own. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RawPeer } from "../../../lib/testing/mod.ts";
import { WebSocket } from "../../../lib/client/whatwg/classes.ts";
import { CHAT_URL, serveRaw } from "../../support/chat_server.ts";
import { until } from "../../support/until.ts";

const options = { timeout: 60_000 };

function next(socket: WebSocket, type: string): Promise<Event> {
  return new Promise((resolve) => {
    socket.addEventListener(type, (event) => resolve(event as Event), { once: true });
  });
}

async function openRaw(): Promise<{ socket: WebSocket; peer: RawPeer }> {
  const { network, listener } = await serveRaw();
  const socket = new WebSocket(CHAT_URL, { network }), opened = next(socket, "open");
  const peer = await listener.accept();
  await peer.upgrade();
  await opened;
  return { socket, peer };
}

/** An unmasked binary message of one byte. */
function frame(byte: number): number[] {
  return [0x82, 1, byte];
}

describe("messages that come together", () => {
  it(
    "have a task each, in fewer turns of the event loop than there are messages",
    options,
    async () => {
      const { socket, peer } = await openRaw(), log: string[] = [];
      const bytes = Array.from({ length: 50 }, (_, at) => at);
      let turns = 0;
      const countTurns = (): void => {
        turns++;
        if (log.length < 2 * bytes.length) setImmediate(countTurns);
      };
      socket.binaryType = "arraybuffer";
      socket.onmessage = async ({ data }): Promise<void> => {
        if (log.length === 0) setImmediate(countTurns);
        const [byte] = new Uint8Array(data as ArrayBuffer);
        log.push(`${byte}`);
        for (let at = 0; at < 10; at++) await null;
        log.push(`what follows from ${byte}`);
      };
      peer.write(Uint8Array.from(bytes.flatMap(frame)));
      await until("all have come", () => log.length === 2 * bytes.length);
      assert.deepEqual(log, bytes.flatMap((byte) => [`${byte}`, `what follows from ${byte}`]));
      assert.ok(turns < bytes.length / 2, `there were ${turns} turns`);
      socket.close();
      peer.end();
    },
  );

  it(
    "can be answered, all of them, although the peer's Close came with them",
    options,
    async () => {
      const { socket, peer } = await openRaw(), states: number[] = [];
      socket.binaryType = "arraybuffer";
      socket.onmessage = ({ data }): void => {
        states.push(socket.readyState);
        socket.send(data as ArrayBuffer);
      };
      peer.write(Uint8Array.of(...[1, 2, 3].flatMap(frame), 0x88, 2, 3, 232));
      for (const byte of [1, 2, 3]) {
        await peer.expectFrame({ opcode: 2, payload: Uint8Array.of(byte) });
      }
      await peer.expectFrame({ opcode: 8 });
      assert.deepEqual(states, [1, 1, 1]);
      peer.end();
      await next(socket, "close");
    },
  );

  it("are dropped once the program has closed the socket", options, async () => {
    const { socket, peer } = await openRaw(), received: unknown[] = [];
    socket.onmessage = ({ data }): void => {
      received.push(data);
      if (received.length === 3) socket.close();
    };
    peer.write(Uint8Array.from([1, 2, 3, 4, 5, 6].flatMap(frame)));
    await peer.expectFrame({ opcode: 8 });
    peer.end();
    await next(socket, "close");
    assert.equal(received.length, 3);
  });
});
