import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { readConnectionLimits } from "../../lib/protocol/options.ts";
import type { MessageData } from "../../lib/message/message.ts";
import { openWebSocket, type WebSocketInit } from "../../lib/connection/web_socket.ts";
import { HandshakeError, TransportError } from "../../lib/errors.ts";
import { FakeWebSocket } from "../link/fake_web_socket.ts";

function init(
  more: Partial<WebSocketInit<undefined, MessageData>> = {},
): WebSocketInit<undefined, MessageData> {
  return { url: "", data: undefined, options: readConnectionLimits({}), ...more };
}

async function messagesOf(socket: FakeWebSocket, say: () => void): Promise<MessageData[]> {
  const connection = await openWebSocket(socket, init());
  say();
  const got: MessageData[] = [];
  for await (const message of connection) got.push(message);
  return got;
}

describe("opening a WebSocket of the platform's", () => {
  it("waits until it is open, and only then calls the user", async () => {
    const socket = new FakeWebSocket(0), called: string[] = [];
    const opening = openWebSocket(
      socket,
      init({
        websocket: {
          open: () => void called.push("open"),
          message: (_connection, data) => void called.push(String(data)),
        },
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 1));
    assert.deepEqual(called, []);
    socket.opens();
    socket.says("at once");
    assert.deepEqual(called, ["open", "at once"]);
    const connection = await opening;
    assert.deepEqual([connection.url, connection.readyState], ["ws://fake/", 1]);
  });

  it("begins at once where it is open", () => {
    let opened = 0;
    void openWebSocket(new FakeWebSocket(1), init({ websocket: () => void opened++ }));
    assert.equal(opened, 1);
  });

  it("rejects with a HandshakeError where it is closed, or closes first", async () => {
    for (const readyState of [2, 3]) {
      await assert.rejects(
        openWebSocket(new FakeWebSocket(readyState), init()),
        (error: unknown) => error instanceof HandshakeError && error.code === "PLATFORM_REFUSED",
      );
    }
    const socket = new FakeWebSocket(0);
    const opening = openWebSocket(socket, init({ websocket: () => assert.fail("not open") }));
    socket.says("too early");
    socket.tell("error", { message: "no" });
    socket.ends({ code: 1006 });
    await assert.rejects(opening, { message: /could not connect to ws:\/\/fake\/ \(1006\)/ });
  });

  it("asks for ArrayBuffers, and does without where that cannot be set", async () => {
    const socket = new FakeWebSocket();
    await openWebSocket(socket, init());
    assert.equal(socket.binaryType, "arraybuffer");
    const fixed = new FakeWebSocket();
    Object.defineProperty(fixed, "binaryType", { get: () => "blob" });
    const got = await messagesOf(fixed, () => {
      fixed.says(new Blob([Uint8Array.of(1, 2)]));
      fixed.ends({ code: 1000 });
    });
    assert.deepEqual(got, [Uint8Array.of(1, 2)]);
  });

  it("returns the bytes of a view alone, in memory of their own", async () => {
    const socket = new FakeWebSocket();
    const pool = Uint8Array.of(9, 1, 2, 3, 4, 9);
    const got = await messagesOf(socket, () => {
      socket.says(pool.subarray(1, 3), new DataView(pool.buffer, 3, 2), pool.subarray(2, 2));
      pool.fill(0);
      socket.ends({ code: 1000 });
    });
    assert.deepEqual(got, [Uint8Array.of(1, 2), Uint8Array.of(3, 4), Uint8Array.of()]);
    for (const each of got) {
      assert.ok(each instanceof Uint8Array && each.buffer.byteLength === each.length);
    }
  });

  it("keeps the order where a Blob takes its time, and closes behind it", async () => {
    const socket = new FakeWebSocket();
    const slow = Promise.withResolvers<ArrayBuffer>();
    const got = await messagesOf(socket, () => {
      socket.says(
        { arrayBuffer: () => slow.promise },
        "b",
        new Blob(["c"]),
        Uint8Array.of(4).buffer,
      );
      socket.ends({ code: 1000 });
      slow.resolve(Uint8Array.of(1).buffer);
    });
    assert.deepEqual(got, [Uint8Array.of(1), "b", Uint8Array.of(99), Uint8Array.of(4)]);
  });

  it("closes with 1011 where a Blob cannot be read", async () => {
    const socket = new FakeWebSocket();
    socket.takesAnyCode = true;
    const connection = await openWebSocket(socket, init());
    socket.says({ arrayBuffer: () => Promise.reject(new Error("gone")) });
    await new Promise((resolve) => setTimeout(resolve, 1));
    assert.deepEqual(socket.closes, [[1011, ""]]);
    socket.ends({ code: 1011 });
    assert.equal((await connection.closed).error?.message, "gone");
  });

  it("reports a platform that failed the connection, and that no Close came", async () => {
    for (const code of [0, 1001, 1006]) {
      const socket = new FakeWebSocket();
      const connection = await openWebSocket(socket, init());
      socket.tell("error", { message: "No response from ping frame." });
      socket.ends({ code, reason: "ours", wasClean: false });
      const { closeCode, reason, wasClean, received, error } = await connection.closed;
      assert.deepEqual([closeCode, reason, wasClean, received], [1006, "", false, undefined]);
      assert.ok(error instanceof TransportError);
      assert.match(error.message, /No response from ping frame/);
    }
  });

  it("makes no error of an event that says nothing, and 1006 of the code 0", async () => {
    const socket = new FakeWebSocket();
    const connection = await openWebSocket(socket, init());
    socket.tell("error");
    socket.ends({ code: 0, wasClean: false });
    const { closeCode, error } = await connection.closed;
    assert.deepEqual([closeCode, error], [1006, undefined]);
  });

  it("answers the peer's Close where the platform leaves that to its user", async () => {
    for (const [code, answer] of [[1000, [1000, "r"]], [4001, [4001, "r"]], [1005, []]] as const) {
      const socket = new FakeWebSocket();
      const connection = await openWebSocket(socket, init());
      socket.ends({ code, reason: code === 1005 ? "" : "r" }, 2);
      assert.deepEqual(socket.closes, [answer]);
      assert.equal((await connection.closed).closeCode, code);
    }
  });

  it("answers no Close where the platform has, and bears one that refuses", async () => {
    const answered = new FakeWebSocket();
    await openWebSocket(answered, init());
    answered.ends({ code: 1000 });
    assert.deepEqual(answered.closes, []);
    const refusing = new FakeWebSocket();
    const connection = await openWebSocket(refusing, init());
    refusing.ends({ code: 1001 }, 2);
    assert.equal((await connection.closed).closeCode, 1001);
  });

  it("knows the subprotocol that its maker knows, and what was agreed", async () => {
    const socket = new FakeWebSocket();
    socket.protocol = "one";
    socket.extensions = "permessage-deflate";
    const own = await openWebSocket(socket, init());
    assert.deepEqual([own.protocol, own.capabilities.compression], ["one", true]);
    const told = await openWebSocket(new FakeWebSocket(), init({ protocol: "two" }));
    assert.deepEqual([told.protocol, told.capabilities.compression], ["two", false]);
  });
});
