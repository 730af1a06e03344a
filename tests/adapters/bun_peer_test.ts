import { describe, it } from "node:test";
import { CONNECTION_PARTS } from "../../lib/connection/parts.ts";
import assert from "node:assert/strict";
import { WebSocketConnection } from "../../lib/connection/connection.ts";
import type { ConnectionHandler } from "../../lib/connection/connection.ts";
import { type ConnectionOptions, readConnectionLimits } from "../../lib/protocol/options.ts";
import { LimitError, type TransportError } from "../../lib/errors.ts";
import { BunPeer, type BunSocketLike } from "../../lib/adapters/bun/peer.ts";
import { VirtualClock } from "../../lib/testing/clock.ts";
import { settle } from "../connection/support.ts";

/** A socket as Bun has it: it tells of its end within the call that ends it. */
class FakeSocket implements BunSocketLike {
  readonly data: BunPeer;
  binaryType = "nodebuffer";
  /** What `send` gives in place of the length, and what waits then. */
  taken: number | undefined;
  buffered = 0;
  asked = 0;
  readonly calls: unknown[][] = [];

  constructor(data: BunPeer) {
    this.data = data;
  }
  send(data: string | Uint8Array, compress?: boolean): number {
    this.calls.push(["send", data, compress]);
    return this.taken ?? data.length;
  }
  close(code: number, reason: string): void {
    this.calls.push(["close", code, reason]);
    this.data.onClose(code, reason ?? "", facts);
  }
  terminate(): void {
    this.calls.push(["terminate"]);
    this.data.onClose(1006, "", facts);
  }
  ping(payload: Uint8Array): number {
    this.calls.push(["ping", payload]);
    return 1;
  }

  pong(): number {
    return 0;
  }
  pause(): void {
    this.calls.push(["pause"]);
  }
  resume(): void {
    this.calls.push(["resume"]);
  }
  getBufferedAmount(): number {
    this.asked++;
    return this.buffered;
  }
}

const facts = { perMessageDeflate: true, maxPayloadLength: 1000 };

function open(
  options: ConnectionOptions & { websocket?: ConnectionHandler } = {},
  server = facts,
): {
  peer: BunPeer;
  socket: FakeSocket;
  connection: WebSocketConnection;
  clock: VirtualClock;
} {
  const clock = new VirtualClock();
  const limits = readConnectionLimits({ ...options, clock });
  let connection!: WebSocketConnection;
  const peer = new BunPeer({
    protocol: "chat",
    offer: "permessage-deflate",
    options: limits,
    remoteAddress: undefined,
    open(link): void {
      connection = new WebSocketConnection<undefined>(link, {
        url: "ws://fake/",
        data: undefined,
        parts: CONNECTION_PARTS,
        options: limits,
        onError: (): void => {},
      });
      connection.start(options.websocket);
    },
  });
  const socket = new FakeSocket(peer);
  peer.onOpen(socket, server);
  return { peer, socket, connection, clock };
}

describe("a socket of Bun.serve's", () => {
  it("is open with what was agreed, and delivers bytes that are the user's", () => {
    const { socket, connection } = open();
    assert.equal(socket.binaryType, "uint8array");
    const { readyState, protocol, extensions } = connection;
    assert.deepEqual([readyState, protocol, extensions], [1, "chat", "permessage-deflate"]);
  });

  it("knows of no compression where its server was not set to it", () => {
    const { connection } = open({}, { ...facts, perMessageDeflate: false });
    assert.equal(connection.extensions, "");
  });

  it("compresses from 64 bytes on, unless told not to", () => {
    const { socket, connection } = open();
    connection.send("a".repeat(63));
    connection.send("a".repeat(64));
    connection.send("a".repeat(64), { compress: false });
    assert.deepEqual(socket.calls.map(([, , compress]) => compress), [false, true, false]);
  });

  it("asks what waits only when something does", async () => {
    let drains = 0;
    const { peer, socket, connection, clock } = open({
      sendHighWaterMark: 10,
      websocket: { drain: () => void drains++ },
    });
    assert.equal(connection.send("a"), true);
    assert.deepEqual([connection.bufferedAmount, socket.asked], [0, 0]);
    socket.taken = -1;
    socket.buffered = 11;
    assert.equal(connection.send("b"), true);
    assert.equal(connection.send("c"), false);
    let ready = false;
    void connection.ready.then(() => ready = true);
    peer.onDrain();
    await settle();
    assert.deepEqual([drains, ready], [0, false]);
    assert.equal(clock.timers, 0); // Bun tells
    socket.buffered = 10;
    peer.onDrain();
    await settle();
    assert.deepEqual([drains, ready], [1, true]);
    socket.buffered = 0;
    assert.equal(connection.bufferedAmount, 0);
    const { asked } = socket;
    assert.deepEqual([connection.bufferedAmount, socket.asked], [0, asked]);
  });

  it("a message that Bun drops closes with 1008: no gap goes unseen", async () => {
    const { socket, connection } = open();
    connection.send("");
    socket.taken = 0;
    connection.send(""); // an empty one that was sent gives 0 too
    assert.equal(connection.readyState, 1);
    connection.send("a");
    assert.deepEqual(socket.calls.at(-1), ["close", 1008, "maxBufferedAmount"]);
    assert.ok((await connection.closed).error instanceof LimitError);
  });

  it("close calls its handler later, not within the call, with what Bun knows", async () => {
    const closed: number[] = [];
    const { socket, connection, clock } = open({
      websocket: { close: (_connection, { closeCode }) => void closed.push(closeCode) },
    });
    connection.close({ closeCode: 3001, reason: "bye" });
    assert.deepEqual([closed, connection.readyState], [[], 3]);
    const sent = { closeCode: 3001, reason: "bye" };
    assert.deepEqual(await connection.closed, {
      ...sent,
      wasClean: false,
      sent,
      received: undefined,
      initiator: "local",
      error: undefined,
    });
    assert.deepEqual(closed, [3001]);
    assert.deepEqual(socket.calls, [["close", 3001, "bye"]]);
    assert.equal(clock.timers, 0);
  });

  it("a close without a code sends none, where Bun would take 1000", () => {
    const { socket, connection } = open();
    connection.close({ closeCode: 1005 });
    assert.deepEqual(socket.calls, [["close", 1005, undefined]]);
  });

  it("closing does not touch the socket behind its end, though it was paused", async () => {
    const { socket, connection } = open();
    connection.pause();
    connection.close();
    await connection.closed;
    assert.deepEqual(socket.calls, [["pause"], ["close", 1000, ""]]);
  });

  it("terminate is ours, and no socket is touched behind the end", async () => {
    const { socket, connection, clock } = open();
    connection.pause();
    connection.terminate();
    const { closeCode, initiator } = await connection.closed;
    assert.deepEqual([closeCode, initiator], [1006, "local"]);
    connection.resume();
    connection.terminate();
    await settle();
    assert.deepEqual(socket.calls, [["pause"], ["terminate"]]);
    assert.equal(clock.timers, 0);
  });

  it("the peer's close is the peer's", async () => {
    for (const [code, wasClean] of [[1000, true], [1005, true], [4000, true], [1006, false]]) {
      const { peer, connection } = open();
      peer.onClose(code as number, "", facts);
      const info = await connection.closed;
      assert.deepEqual([info.closeCode, info.wasClean, info.initiator], [code, wasClean, "remote"]);
      assert.equal(info.received?.closeCode, wasClean ? code : undefined);
    }
  });

  for (
    const [reason, sent, name] of [
      ["Received too big message", 1009, "LimitError"],
      ["Received invalid UTF-8", 1007, "TransportError"],
      ["Received invalid opcode", 1002, "TransportError"],
      ["WebSocket timed out from inactivity", undefined, "TransportError"],
    ] as const
  ) {
    it(`reports what Bun failed: ${reason}`, async () => {
      const { peer, socket, connection, clock } = open();
      peer.onClose(1006, reason, facts);
      const info = await connection.closed;
      assert.deepEqual([info.closeCode, info.wasClean, info.received], [1006, false, undefined]);
      assert.equal(info.sent?.closeCode, sent);
      assert.equal(info.initiator, "local");
      assert.equal(info.error?.name, name);
      if (info.error instanceof LimitError) assert.equal(info.error.limit, 1000);
      if (sent === undefined) assert.equal((info.error as TransportError).code, "TIMED_OUT");
      assert.deepEqual([socket.calls, clock.timers], [[], 0]);
    });
  }

  it("threat 37: more than maxPingsPerSecond close with 1008", async () => {
    let seen = 0;
    const { peer, socket, connection, clock } = open({
      maxPingsPerSecond: 2,
      websocket: { ping: () => void seen++ },
    });
    const ping = (): void => peer.onPing(new Uint8Array(0));
    ping();
    ping();
    clock.advance(1000);
    ping();
    ping();
    assert.deepEqual([seen, connection.readyState], [4, 1]);
    ping();
    assert.deepEqual(socket.calls, [["close", 1008, "maxPingsPerSecond"]]);
    const { error } = await connection.closed;
    assert.ok(error instanceof LimitError && error.option === "maxPingsPerSecond");
    assert.equal(seen, 4);
  });
});
