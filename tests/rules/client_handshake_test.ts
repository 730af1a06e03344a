/** Rules of RFC 6455 section 4.1 that show only on a transport: what leaves when, and what ends it. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ClientHandshake } from "../../lib/client/handshake.ts";
import type { OpenedHandshake } from "../../lib/client/opening.ts";
import { HandshakeError, TransportError } from "../../lib/errors.ts";
import { requestFor } from "../../lib/handshake/client.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { listenTransport } from "../../lib/transport/runtime.ts";
import { connect } from "../../mod.ts";
import { Peer, settle } from "../connection/support.ts";
import { ACCEPT, bytesOf, KEY, textOf } from "../handshake/support.ts";

const guard = { timeout: 30_000 };

const REQUEST = requestFor(new URL("ws://server.example.com/chat"), { key: KEY, protocols: ["a"] });

interface Attempt {
  peer: Peer;
  opened: OpenedHandshake[];
  failed: unknown[];
}

/** A handshake under way over memory. */
function attempt(): Attempt {
  const { client, server } = memoryTransportPair();
  const opened: OpenedHandshake[] = [], failed: unknown[] = [];
  const peer = new Peer(server, false);
  const offer = { key: KEY, protocols: ["a"] };
  new ClientHandshake(
    client,
    { request: REQUEST, offer, maxHeaderSize: 16_384, maxHeaders: 128 },
    {
      onOpen: (_, handshake): void => void opened.push(handshake),
      onFailed: (error): void => void failed.push(error),
    },
  );
  return { peer, opened, failed };
}

/** An answer that accepts, but for one of its lines. */
function answer(instead: { status?: string; line?: string; by?: string } = {}): Uint8Array {
  const { status = "HTTP/1.1 101 Switching Protocols", line, by = "" } = instead;
  const lines = [
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${ACCEPT}`,
    "Sec-WebSocket-Protocol: a",
  ].map((each) => line !== undefined && each.startsWith(line) ? by : each);
  return bytesOf(`${[status, ...lines.filter((each) => each !== "")].join("\r\n")}\r\n\r\n`);
}

/** Listens on TCP, and gives what the first connection sends once `enough` of it has come. */
async function firstBytes(
  dial: (port: number) => Promise<unknown>,
  enough: (bytes: Uint8Array) => boolean,
): Promise<Uint8Array> {
  const arrived = Promise.withResolvers<Uint8Array>();
  const listener = await listenTransport({ hostname: "127.0.0.1", port: 0 }, {
    onConnection(transport): void {
      let all = new Uint8Array(0);
      transport.start({
        onData(chunk): void {
          const joined = new Uint8Array(all.length + chunk.length);
          joined.set(all);
          joined.set(chunk, all.length);
          all = joined;
          if (!enough(all)) return;
          arrived.resolve(all);
          transport.close();
        },
        onDrain(): void {},
        onEnd: (): void => transport.close(),
        onClose: (): void => arrived.resolve(all),
      });
    },
    onError: arrived.reject,
  });
  try {
    // The dialler is hung up on, whatever it makes of that.
    const [bytes] = await Promise.all([
      arrived.promise,
      dial(listener.address.port).catch(() => {}),
    ]);
    return bytes;
  } finally {
    await listener.close();
  }
}

const wholeHead = (bytes: Uint8Array): boolean => textOf(bytes).endsWith("\r\n\r\n");

describe("a client's opening handshake", () => {
  it("4.1: nothing leaves behind the request before its answer", async () => {
    const { peer, opened, failed } = attempt();
    await settle();
    assert.equal(textOf(peer.bytes), textOf(REQUEST));
    const bytes = answer();
    for (let at = 0; at < bytes.length; at++) {
      assert.deepEqual([opened, failed], [[], []]);
      peer.transport.write(bytes.subarray(at, at + 1));
      await settle();
    }
    assert.deepEqual([opened.length, failed], [1, []]);
    assert.equal(opened[0].protocol, "a");
    assert.equal(textOf(peer.bytes), textOf(REQUEST));
  });

  it("4.1: an answer that breaks a rule fails the handshake and closes the connection", async () => {
    const bad: [Uint8Array, string][] = [
      [bytesOf("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "STATUS"],
      [answer({ status: "HTTP/1.0 101 OK" }), "HTTP_VERSION"],
      [answer({ line: "Upgrade" }), "UPGRADE_HEADER"],
      [answer({ line: "Upgrade", by: "Upgrade: h2c" }), "UPGRADE_HEADER"],
      [answer({ line: "Connection" }), "CONNECTION_HEADER"],
      [answer({ line: "Connection", by: "Connection: close" }), "CONNECTION_HEADER"],
      [answer({ line: "Sec-WebSocket-Accept" }), "ACCEPT_MISMATCH"],
      [
        answer({ line: "Sec-WebSocket-Accept", by: `Sec-WebSocket-Accept: ${KEY}` }),
        "ACCEPT_MISMATCH",
      ],
      [
        answer({ line: "Sec-WebSocket-Protocol", by: "Sec-WebSocket-Protocol: b" }),
        "PROTOCOL_NOT_OFFERED",
      ],
      [
        answer({ line: "Sec-WebSocket-Protocol", by: "Sec-WebSocket-Extensions: x" }),
        "EXTENSION_NOT_OFFERED",
      ],
      [
        answer({
          line: "Sec-WebSocket-Protocol",
          by: 'Sec-WebSocket-Extensions: x; y="not a token"',
        }),
        "EXTENSIONS_HEADER",
      ],
    ];
    for (const [bytes, code] of bad) {
      const { peer, opened, failed } = attempt();
      peer.transport.write(bytes);
      await settle();
      const [error] = failed;
      assert.ok(error instanceof HandshakeError, `${code}: ${error}`);
      assert.deepEqual([error.code, failed.length, opened.length], [code, 1, 0]);
      assert.ok(peer.closed, code);
    }
  });

  it("7.2.1: a transport lost before the answer fails the handshake", async () => {
    for (const how of ["close", "closeWrite"] as const) {
      const { peer, opened, failed } = attempt();
      await settle();
      peer.transport.write(answer().subarray(0, 40));
      peer.transport[how]();
      await settle();
      assert.ok(failed[0] instanceof TransportError, how);
      assert.deepEqual([failed.length, opened.length], [1, 0]);
      assert.ok(peer.closed, how);
    }
  });

  it("4.1: each connection sends a key of its own", guard, async () => {
    const keys = new Set<string>();
    for (let count = 0; count < 3; count++) {
      const bytes = await firstBytes((port) => connect(`ws://127.0.0.1:${port}`), wholeHead);
      const line = textOf(bytes).split("\r\n").find((each) => each.startsWith("Sec-WebSocket-Key"));
      assert.match(line ?? "", /^Sec-WebSocket-Key: .{22}==$/);
      keys.add(line ?? "");
    }
    assert.equal(keys.size, 3);
  });

  it("4.1: wss begins with a TLS handshake that names the server", guard, async () => {
    // A TLS record: its kind, version and length, then the handshake message, which is in the clear.
    const wholeRecord = (bytes: Uint8Array): boolean =>
      bytes.length >= 5 && bytes.length >= 5 + (bytes[3] << 8 | bytes[4]);
    const dials: [(port: number) => Promise<unknown>, string][] = [
      [(port) => connect(`wss://localhost:${port}`), "localhost"],
      [
        (port) => connect(`wss://127.0.0.1:${port}`, { tls: { serverName: "name.example" } }),
        "name.example",
      ],
    ];
    for (const [dial, name] of dials) {
      const bytes = await firstBytes(dial, wholeRecord);
      assert.deepEqual([bytes[0], bytes[5]], [22, 1], "a ClientHello in a handshake record");
      const hello = textOf(bytes);
      assert.ok(hello.includes(name), name);
      assert.ok(!hello.includes("GET "));
    }
  });
});
