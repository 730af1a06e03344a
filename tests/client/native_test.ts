/** `connect` where the platform has no sockets, as in a browser: over its WebSocket. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connect } from "../../lib/client/connect.ts";
import type { ConnectOptions } from "../../lib/client/options.ts";
import { listen } from "../../lib/server/mod.ts";
import { VirtualClock } from "../../lib/testing/clock.ts";
import { ownRuntime } from "../support/runtimes.ts";

const guard = {
  timeout: 60_000,
  ...(ownRuntime === "bun" ? { skip: "Bun's global cannot be hidden" } : {}),
};

/** Calls `connect` without the globals that have sockets; it looks for them within the call. */
function connectInBrowser(
  url: string,
  options: ConnectOptions = {},
): ReturnType<typeof connect> {
  const names = ["Deno", "process"].filter((name) => name in globalThis);
  const hidden = names.map((name) => Object.getOwnPropertyDescriptor(globalThis, name)!);
  for (const name of names) {
    Object.defineProperty(globalThis, name, { value: undefined, configurable: true });
  }
  try {
    return connect(url, options);
  } finally {
    names.forEach((name, i) => Object.defineProperty(globalThis, name, hidden[i]));
  }
}

describe("connect on a platform without sockets", () => {
  const refused: ConnectOptions = {
    headers: { authorization: "Bearer x" },
    tls: {},
    path: "/run/socket",
    maxHeaderSize: 1000,
    maxHeaders: 10,
    pingInterval: 1000,
    pingTimeout: 1000,
    maxPingsPerSecond: 10,
    maxFrameSize: 1000,
    maxFragments: 10,
    sendTimeout: 1000,
    mask: () => 0,
    perMessageDeflate: { level: 1 },
  };
  for (const [name, value] of Object.entries(refused)) {
    it(`refuses ${name}, which it cannot honour`, guard, async () => {
      await assert.rejects(
        connectInBrowser("ws://127.0.0.1:9/", { [name]: value }),
        (error: Error) => {
          assert.equal(error.name, "NotSupportedError", String(error));
          assert.match(error.message, new RegExp(`cannot honour ${name}$`));
          return true;
        },
      );
    });
  }

  it("accepts what it can honour, and what is off", guard, async () => {
    await using server = await listen({
      port: 0,
      hostname: "127.0.0.1",
      protocols: "chat",
      websocket: { message: (connection, data) => void connection.send(data) },
    });
    const connection = await connectInBrowser(`ws://127.0.0.1:${server.address.port}/`, {
      protocols: "chat",
      signal: new AbortController().signal,
      handshakeTimeout: 10_000,
      messages: "whole",
      maxMessageSize: 1000,
      sendHighWaterMark: 1000,
      maxBufferedAmount: 1000,
      receiveHighWaterMark: 1000,
      maxReceiveBuffered: 1000,
      closeTimeout: 10_000,
      clock: new VirtualClock(),
      onError(): void {},
      pingInterval: Infinity,
      pingTimeout: Infinity,
      maxPingsPerSecond: Infinity,
      maxFrameSize: Infinity,
      maxFragments: Infinity,
      sendTimeout: Infinity,
      maxHeaderSize: Infinity,
      maxHeaders: Infinity,
      perMessageDeflate: true,
    });
    assert.equal(connection.capabilities.streaming, false);
    assert.equal(connection.protocol, "chat");
    connection.send("Hello");
    assert.equal(await connection.receive(), "Hello");
    connection.close(4000, "enough");
    assert.deepEqual((await connection.closed).sent, { closeCode: 4000, reason: "enough" });
  });

  it("refuses an unknown option as everywhere", guard, async () => {
    await assert.rejects(
      connectInBrowser("ws://127.0.0.1:9/", { pingIntervall: 1 } as never),
      { name: "TypeError", message: /pingIntervall is not an option; did you mean pingInterval\?/ },
    );
  });
});
