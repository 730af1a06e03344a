import { describe, it } from "node:test";
import { CONNECTION_PARTS } from "../../lib/connection/parts.ts";
import assert from "node:assert/strict";
import { WebSocketConnection } from "../../lib/connection/connection.ts";
import type { ConnectionHandler } from "../../lib/connection/connection.ts";
import { NativeLink, type NativeSocket } from "../../lib/link/native_link.ts";
import type { ConnectionOptions } from "../../lib/protocol/options.ts";
import { readConnectionOptions } from "../../lib/protocol/protocol_options.ts";
import type { Capabilities } from "../../lib/link/link.ts";
import { LimitError } from "../../lib/errors.ts";
import { VirtualClock } from "../../lib/testing/clock.ts";
import { pass, settle } from "../connection/support.ts";

interface CloseLike {
  code: number;
  reason: string;
  wasClean: boolean;
}

/** A WebSocket that does nothing by itself, and refuses what a client's must. */
class FakeWebSocket implements NativeSocket {
  readyState = 1;
  bufferedAmount = 0;
  readonly protocol = "chat";
  readonly extensions = "permessage-deflate";
  readonly url = "ws://fake/";
  /** Its close is told within the call, as by Bun. */
  tellsAtOnce = false;
  /** What is sent stays buffered. */
  stuck = false;
  readonly sent: (string | Uint8Array)[] = [];
  readonly closes: (number | string | undefined)[][] = [];
  link!: NativeLink;
  terminate?: () => void;

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.sent.push(typeof data === "string" ? data : data.slice());
    if (this.stuck) this.bufferedAmount += data.length;
  }
  close(...status: [code?: number, reason?: string]): void {
    const [code] = status;
    if (code !== undefined && code !== 1000 && (code < 3000 || code > 4999)) {
      throw new DOMException("refused", "InvalidAccessError");
    }
    this.closes.push(status);
    this.readyState = 2;
    if (this.tellsAtOnce) this.closed();
  }
  message(...all: (string | ArrayBuffer)[]): void {
    for (const data of all) {
      this.link.onMessage(typeof data === "string" ? data : new Uint8Array(data));
    }
  }
  closed(event: CloseLike = { code: 1000, reason: "", wasClean: true }): void {
    this.readyState = 3;
    this.link.onClose(event);
  }
}

const nothing: Capabilities = {
  pause: false,
  ping: false,
  compression: false,
  streaming: false,
  anyCloseCode: false,
};

function open(
  options: ConnectionOptions & { websocket?: ConnectionHandler } = {},
  more: Partial<Capabilities> = {},
): {
  socket: FakeWebSocket;
  link: NativeLink;
  connection: WebSocketConnection;
  clock: VirtualClock;
} {
  const clock = new VirtualClock(), socket = new FakeWebSocket();
  const settings = readConnectionOptions({ ...options, clock });
  const capabilities = { ...nothing, ...more };
  const link = socket.link = new NativeLink(socket, { options: settings, capabilities });
  const connection = new WebSocketConnection<undefined>(link, {
    url: socket.url,
    data: undefined,
    parts: CONNECTION_PARTS,
    options: settings,
    onError: (): void => {},
  });
  connection.start(options.websocket);
  return { socket, link, connection, clock };
}

describe("a platform's WebSocket as a link", () => {
  it("says what it lacks, and what was agreed", async () => {
    const { connection } = open();
    assert.deepEqual(connection.capabilities, nothing);
    assert.deepEqual([connection.protocol, connection.extensions, connection.remoteAddress], [
      "chat",
      "permessage-deflate",
      undefined,
    ]);
    await assert.rejects(connection.ping(), { name: "NotSupportedError" });
  });

  it("delivers what it held once, though a handler closes and the platform tells so at once", async () => {
    const got: unknown[] = [];
    const { socket, link, connection } = open({
      websocket: {
        message(connection, data): void {
          got.push(data);
          if (data === "b") connection.close();
        },
      },
    });
    socket.tellsAtOnce = true;
    link.pause();
    socket.message("a", "b", "c");
    link.resume();
    await settle();
    assert.deepEqual(got.slice(0, 2), ["a", "b"]);
    assert.equal(got.filter((data) => data === "a").length, 1);
    assert.equal(got.filter((data) => data === "b").length, 1);
    assert.equal((await connection.closed).closeCode, 1000);
  });

  it("passes messages both ways", async () => {
    const { connection, socket } = open();
    assert.equal(connection.send("a"), true);
    assert.equal(connection.send(new Uint8Array([1, 2])), true);
    assert.deepEqual(socket.sent, ["a", new Uint8Array([1, 2])]);
    socket.message("b", new Uint8Array([3]).buffer);
    assert.equal(await connection.receive(), "b");
    assert.deepEqual(await connection.receive(), new Uint8Array([3]));
  });

  it("closes with the code that was asked for where the platform lets it", async () => {
    for (const closeCode of [1000, 3000, 4999]) {
      const { connection, socket, clock } = open();
      connection.close({ closeCode, reason: "bye" });
      assert.equal(connection.readyState, 2);
      assert.equal(connection.send("late"), false);
      connection.close();
      assert.deepEqual(socket.closes, [[closeCode, "bye"]]);
      socket.closed({ code: closeCode, reason: "bye", wasClean: true });
      const info = await connection.closed;
      assert.deepEqual(info, {
        closeCode,
        reason: "bye",
        wasClean: true,
        sent: { closeCode, reason: "bye" },
        received: { closeCode, reason: "bye" },
        initiator: "local",
        error: undefined,
      });
      assert.equal(clock.timers, 0);
    }
  });

  it("sends 4001, 4008, 4011 for the codes a platform refuses, and says so", async () => {
    for (const [asked, sent] of [[1001, 4001], [1008, 4008], [1011, 4011]]) {
      const { connection, socket } = open();
      connection.close({ closeCode: asked, reason: "r" });
      assert.deepEqual(socket.closes, [[sent, "r"]]);
      socket.closed({ code: sent, reason: "r", wasClean: true });
      assert.equal((await connection.closed).sent?.closeCode, sent);
    }
  });

  it("an unlawful code is a RangeError, and nothing is sent", () => {
    const { connection, socket } = open();
    for (const closeCode of [1004, 1006, 1015, 2999, 5000]) {
      assert.throws(() => connection.close({ closeCode }), RangeError);
    }
    assert.deepEqual([socket.closes, connection.readyState], [[], 1]);
  });

  it("closes without a code for 1005", () => {
    const { connection, socket } = open();
    connection.close({ closeCode: 1005 });
    assert.deepEqual(socket.closes, [[]]);
  });

  it("reports the peer's close, and an end without one", async () => {
    const clean = open();
    clean.socket.closed({ code: 1001, reason: "gone", wasClean: true });
    const { closeCode, reason, initiator, sent, received } = await clean.connection.closed;
    assert.deepEqual([closeCode, reason, initiator, sent, received], [
      1001,
      "gone",
      "remote",
      undefined,
      { closeCode: 1001, reason: "gone" },
    ]);
    const torn = open();
    torn.socket.closed({ code: 1006, reason: "", wasClean: false });
    const info = await torn.connection.closed;
    assert.deepEqual([info.closeCode, info.wasClean, info.received], [1006, false, undefined]);
  });

  it("is over after closeTimeout, whatever the platform does", async () => {
    const { connection, socket, clock } = open({ closeTimeout: 1000 });
    connection.close();
    clock.advance(999);
    assert.equal(connection.readyState, 2);
    clock.advance(1);
    const { closeCode, wasClean } = await connection.closed;
    assert.deepEqual([closeCode, wasClean], [1006, false]);
    socket.message("late");
    socket.closed();
    assert.equal(connection.stats.messagesReceived, 0);
    assert.equal(clock.timers, 0);
  });

  it("terminate: over at once, nothing held or late is given", async () => {
    const got: unknown[] = [];
    const { connection, socket, link, clock } = open({
      websocket: { message: (_connection, data) => void got.push(data) },
    });
    link.pause();
    socket.message("held");
    connection.terminate();
    assert.equal(connection.readyState, 3);
    assert.equal(connection.send("x"), false);
    socket.message("late");
    const { closeCode, initiator } = await connection.closed;
    assert.deepEqual([closeCode, initiator, got], [1006, "local", []]);
    assert.equal(connection.stats.messagesReceived, 0);
    assert.equal(clock.timers, 0);
    connection.terminate();
  });

  it("holds what comes while paused, and delivers it in order", async () => {
    const got: unknown[] = [];
    const settlers: (() => void)[] = [];
    const { socket } = open({
      websocket: {
        message(_connection, data): Promise<void> {
          got.push(data);
          return new Promise((resolve) => settlers.push(resolve));
        },
      },
    });
    socket.message("a", "b", "c");
    assert.deepEqual(got, ["a"]);
    settlers[0]();
    await settle();
    socket.message("d");
    assert.deepEqual(got, ["a", "b"]);
    for (let at = 1; at < 4; at++) {
      settlers[at]();
      await settle();
    }
    assert.deepEqual(got, ["a", "b", "c", "d"]);
  });

  it("reaches the peer's close behind what it holds: nothing is lost, no handler called late", async () => {
    const { connection, socket } = open();
    for (let at = 0; at < 40; at++) socket.message(`${at}`);
    socket.closed();
    assert.deepEqual([connection.readyState, connection.send("late")], [3, false]);
    let next = 0;
    for await (const message of connection) assert.equal(message, `${next++}`);
    assert.deepEqual([next, (await connection.closed).closeCode], [40, 1000]);

    const told: string[] = [], gate = Promise.withResolvers<void>();
    const handled = open({
      websocket: {
        async message(_connection, data): Promise<void> {
          if (data === "a") await gate.promise;
          told.push(String(data));
        },
        close: () => void told.push("close"),
      },
    });
    handled.socket.message("a", "b", "c");
    handled.socket.closed();
    gate.resolve();
    await handled.connection.closed;
    assert.deepEqual(told, ["a", "b", "c", "close"]);
  });

  it("is over once the platform's socket is, though nothing takes what came: it can be taken then", async () => {
    for (const wasClean of [true, false]) {
      const { connection, socket, clock } = open({ receiveHighWaterMark: 10 * 256 });
      for (let at = 0; at < 40; at++) socket.message(`${at}`);
      const code = wasClean ? 1000 : 1006;
      socket.closed({ code, reason: "", wasClean });
      assert.equal((await connection.closed).closeCode, code);
      assert.equal(clock.timers, 0);
      for (let at = 0; at < 40; at++) assert.equal(await connection.receive(), `${at}`);
      await assert.rejects(connection.receive(), { code: "CONNECTION_CLOSED" });
    }
  });

  it("delivers nothing while the user has paused, however the peer ends: not before resume", async () => {
    for (const wasClean of [true, false]) {
      for (const end of ["resume", "terminate"] as const) {
        const told: string[] = [];
        const { connection, socket, clock } = open({
          websocket: {
            message: (_connection, data) => void told.push(String(data)),
            ping: () => void told.push("ping"),
            pong: () => void told.push("pong"),
            close: (_connection, { closeCode }) => void told.push(`close ${closeCode}`),
          },
        }, { ping: true });
        connection.pause();
        socket.message("a");
        socket.link.onPing(new Uint8Array([1]));
        socket.message("b");
        const code = wasClean ? 1000 : 1006;
        socket.closed({ code, reason: "", wasClean });
        await settle();
        assert.deepEqual(told, []);
        assert.equal(connection.readyState, 3);
        connection[end]();
        assert.equal((await connection.closed).closeCode, code);
        assert.deepEqual(told, [...end === "resume" ? ["a", "b"] : [], `close ${code}`]);
        assert.equal(clock.timers, 0);
      }
    }
  });

  it("holds pings and pongs with the messages while paused, each in its place", async () => {
    const told: string[] = [];
    const { connection, socket } = open({
      websocket: {
        message: (_connection, data) => void told.push(String(data)),
        ping: (_connection, [byte]) => void told.push(`ping ${byte}`),
        pong: (_connection, [byte]) => void told.push(`pong ${byte}`),
      },
    }, { ping: true });
    connection.pause();
    socket.link.onPing(new Uint8Array([1]));
    socket.message("a");
    socket.link.onPong(new Uint8Array([2]));
    socket.message("b");
    await settle();
    assert.deepEqual(told, []);
    connection.resume();
    await settle();
    socket.link.onPing(new Uint8Array([3]));
    assert.deepEqual(told, ["ping 1", "a", "pong 2", "b", "ping 3"]);
    connection.terminate();
  });

  it("closes with 4008 past maxReceiveBuffered, 64 bytes added for each message", async () => {
    const { connection, socket, link } = open({ maxReceiveBuffered: 3 * 74 });
    link.pause();
    socket.message(..."abc".split("").map((letter) => letter.repeat(10)));
    assert.equal(connection.readyState, 1);
    socket.message("");
    assert.deepEqual(socket.closes, [[4008, "maxReceiveBuffered"]]);
    socket.closed({ code: 4008, reason: "", wasClean: true });
    const { error } = await connection.closed;
    assert.ok(error instanceof LimitError);
    assert.deepEqual([error.option, error.limit], ["maxReceiveBuffered", 222]);
    for (const letter of "abc") assert.equal(await connection.receive(), letter.repeat(10));
  });

  it("nothing is given behind a message that was dropped", async () => {
    const limits = { maxMessageSize: 3, maxReceiveBuffered: 2 * 67 };
    for (const [pausing, ...messages] of [[0, "one", "four", "two"], [1, "one", "two", "3", "4"]]) {
      const { connection, socket, link } = open(limits);
      if (pausing) link.pause();
      socket.message(...messages as string[]);
      assert.equal(socket.closes.length, 1);
      await settle();
      socket.message("late");
      socket.closed({ code: 4008, reason: "", wasClean: true });
      assert.equal(await connection.receive(), "one");
      if (pausing) assert.equal(await connection.receive(), "two");
      await assert.rejects(connection.receive());
    }
  });

  it("a platform that can pause may still give one message of any size, and then little", async () => {
    const { connection, socket, link } = open({ maxReceiveBuffered: 100 }, { pause: true });
    link.pause();
    socket.message("a".repeat(1000));
    assert.equal(connection.readyState, 1);
    socket.message("b");
    assert.deepEqual(socket.closes, [[4008, "maxReceiveBuffered"]]);
    socket.closed({ code: 4008, reason: "", wasClean: true });
    assert.equal(await connection.receive(), "a".repeat(1000));
    await assert.rejects(connection.receive());
  });

  it("the side that drops the peer is the initiator, though the platform reports the end at once", async () => {
    const { connection, socket } = open();
    socket.terminate = (): void => socket.closed({ code: 1006, reason: "", wasClean: false });
    connection.terminate();
    const { closeCode, initiator, sent } = await connection.closed;
    assert.deepEqual([closeCode, initiator, sent], [1006, "local", undefined]);
  });

  it("send returns false if more than the mark waited before; drain and ready follow when the platform has sent", async () => {
    let drains = 0;
    const { connection, socket, clock } = open({
      sendHighWaterMark: 10,
      websocket: { drain: () => void drains++ },
    });
    socket.stuck = true;
    assert.equal(connection.send("x".repeat(11)), true);
    assert.equal(connection.send("y"), false);
    let ready = false;
    void connection.ready.then(() => ready = true);
    await pass(clock, 1000);
    assert.deepEqual([drains, ready], [0, false]);
    socket.bufferedAmount = 10;
    await pass(clock, 10);
    assert.deepEqual([drains, ready], [1, true]);
    assert.equal(clock.timers, 0);
  });

  it("asks the platform what it holds only where that may be past the mark", () => {
    const { connection, socket } = open({ sendHighWaterMark: 1000 });
    let asked = 0, held = 0;
    Object.defineProperty(socket, "bufferedAmount", { get: () => (asked++, held) });
    for (let sent = 0; sent < 5; sent++) assert.equal(connection.send("x".repeat(50)), true);
    assert.equal(asked, 0);
    for (let sent = 0; sent < 95; sent++) assert.equal(connection.send("x".repeat(50)), true);
    assert.ok(asked > 0 && asked < 25, `${asked}`);
    // Text may take three times its length, and nothing was asked before it was sent.
    const { connection: other, socket: wide } = open({ sendHighWaterMark: 1000 });
    Object.defineProperty(wide, "bufferedAmount", { get: () => held });
    assert.equal(other.send("\u20ac".repeat(334)), true);
    held = 1001;
    assert.equal(other.send("x"), false);
  });

  it("one message of any size into an empty buffer returns true, and ready is pending until it left", async () => {
    let drains = 0;
    const { connection, socket, clock } = open({
      websocket: { drain: () => void drains++ },
    });
    socket.stuck = true;
    assert.equal(connection.send(new Uint8Array(1_000_000)), true);
    let ready = false;
    void connection.ready.then(() => ready = true);
    await pass(clock, 1000);
    assert.equal(ready, false);
    socket.bufferedAmount = 65_536;
    await pass(clock, 10);
    assert.deepEqual([drains, ready, clock.timers], [0, true, 0]);
  });

  it("closes with 4008 past maxBufferedAmount, checked before a send", async () => {
    const { connection, socket, clock } = open({ maxBufferedAmount: 10, sendHighWaterMark: 5 });
    socket.stuck = true;
    connection.send("x".repeat(10));
    connection.send("passes");
    assert.equal(connection.send("not"), false);
    assert.deepEqual(socket.sent.length, 2);
    assert.deepEqual(socket.closes, [[4008, "maxBufferedAmount"]]);
    socket.closed({ code: 1006, reason: "", wasClean: false });
    const { error } = await connection.closed;
    assert.ok(error instanceof LimitError && error.option === "maxBufferedAmount");
    assert.equal(clock.timers, 0);
  });

  it("a handler that throws closes with 4011 and its error is reported", async () => {
    const { connection, socket } = open({
      websocket: {
        message(): void {
          throw new Error("user");
        },
      },
    });
    socket.message("a", "b");
    assert.deepEqual(socket.closes, [[4011, ""]]);
    socket.closed({ code: 4011, reason: "", wasClean: true });
    assert.equal((await connection.closed).error?.message, "user");
  });
});
