import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { connect } from "../../lib/client/connect.ts";
import type { WebSocketConnection } from "../../lib/connection/connection.ts";
import type { Transport } from "../../lib/link/transport.ts";
import { HandshakeError, TransportError } from "../../lib/errors.ts";
import { listen, type ListenOptions, type WebSocketServer } from "../../lib/server/listen.ts";
import { connectTransport } from "../../lib/transport/runtime.ts";
import { bytesOf, Peer } from "../connection/support.ts";
import { VirtualClock } from "../../lib/testing/clock.ts";
import { answerOf, ECHO, REQUEST, start, urlOf } from "./support.ts";
import { until } from "../support/until.ts";

/** A socket that says nothing by itself. */
async function dial(server: WebSocketServer): Promise<{ peer: Peer; transport: Transport }> {
  const transport = await connectTransport({ hostname: "127.0.0.1", port: server.address.port });
  return { transport, peer: new Peer(transport, true) };
}

async function refusedWith(server: WebSocketServer, status: number): Promise<void> {
  await assert.rejects(connect(urlOf(server)), (error) => {
    assert.ok(error instanceof HandshakeError, `${error}`);
    assert.equal(error.status, status);
    return true;
  });
}

describe("listen", () => {
  it("echoes, knows its connections, and forgets those that are closed", async () => {
    await using server = await start();
    const connection = await connect(urlOf(server));
    connection.send("a");
    assert.equal(await connection.receive(), "a");
    assert.equal(server.connections.size, 1);
    connection.close();
    await connection.closed;
    await until("forgotten", () => server.connections.size === 0);
  });

  it("refuses with 503 past maxConnections, and has room again when one leaves", async () => {
    await using server = await start({ maxConnections: 1 });
    const first = await connect(urlOf(server));
    await refusedWith(server, 503);
    first.send("still open");
    assert.equal(await first.receive(), "still open");
    first.close();
    await first.closed;
    await until("room again", () => server.connections.size === 0);
    const second = await until503IsOver(server);
    second.close();
    await second.closed;
  });

  it("shutdown: 503 to pending handshakes, 1001 to each connection, then it is over", async () => {
    const decision = Promise.withResolvers<undefined>();
    let deciding = false;
    const server = await start({
      handshake(request): Promise<undefined> | undefined {
        if (!request.url.endsWith("/slow")) return undefined;
        deciding = true;
        return decision.promise;
      },
    });
    // Sockets are accepted in their order: this one is by the time the others are open.
    const { transport, peer } = await dial(server);
    transport.write(bytesOf(REQUEST.slice(0, 20)));
    const connections = await Promise.all([connect(urlOf(server)), connect(urlOf(server))]);
    const pending = assert.rejects(connect(`${urlOf(server)}slow`), (error) => {
      assert.ok(error instanceof HandshakeError, `${error}`);
      return error.status === 503;
    });
    await until("the hook is asked", () => deciding);
    const over = server.shutdown();
    await pending;
    decision.resolve(undefined);
    await until("the half request is refused", () => answerOf(peer).status === 503);
    transport.close();
    for (const { closed } of connections) {
      const { received, wasClean } = await closed;
      assert.deepEqual([received?.closeCode, wasClean], [1001, true]);
    }
    await over;
    await server.finished;
    assert.equal(server.connections.size, 0);
    await server.shutdown();
    await assert.rejects(connect(urlOf(server)), TransportError);
  });

  it("shutdown drops what is left when its timeout is over", async () => {
    const clock = new VirtualClock();
    const server = await start({ clock, pingInterval: Infinity });
    const { transport, peer } = await dial(server);
    transport.write(bytesOf(REQUEST));
    await until("the handshake is over", () => server.connections.size === 1);
    const [connection] = server.connections;
    const over = server.shutdown({ timeout: 500 });
    await until("1001 is sent", () => answerOf(peer).body.length >= 4);
    clock.advance(499);
    assert.equal(connection.readyState, 2);
    clock.advance(1);
    await over;
    assert.equal((await connection.closed).closeCode, 1006);
    await until("the socket is gone", () => peer.closed || peer.ended);
    assert.equal(clock.timers, 0);
  });

  it("shutdown waits for handlers that work, until its timeout is over", async () => {
    for (const settles of [true, false]) {
      const clock = new VirtualClock(), log: string[] = [];
      const gate = Promise.withResolvers<void>();
      const server = await start({
        clock,
        pingInterval: Infinity,
        websocket: {
          async message(_connection, data): Promise<void> {
            log.push(`begin ${data}`);
            await gate.promise;
            log.push(`end ${data}`);
          },
          close: () => void log.push("close"),
        },
      });
      const { transport, peer } = await dial(server);
      transport.write(bytesOf(REQUEST));
      await until("the handshake is over", () => server.connections.size === 1);
      peer.say("a", "b");
      await until("a handler works", () => log.length > 0);
      const over = server.shutdown({ timeout: 500 });
      await until("1001 is sent", () => answerOf(peer).body.length >= 4);
      peer.sayClose(1001);
      const [connection] = server.connections;
      await until("the link is closed", () => connection.readyState === 3);
      assert.deepEqual(log, ["begin a"]);
      if (settles) gate.resolve();
      else clock.advance(500);
      await over;
      assert.deepEqual(log.slice(1), settles ? ["end a", "begin b", "end b", "close"] : ["close"]);
      assert.equal(server.connections.size, 0);
      assert.equal(clock.timers, 0);
      transport.close();
    }
  });

  it("an invalid shutdown timeout is a RangeError, and nothing is shut down", async () => {
    await using server = await start();
    await assert.rejects(server.shutdown({ timeout: -1 }), RangeError);
    await using connection = await connect(urlOf(server));
    connection.send("a");
    assert.equal(await connection.receive(), "a");
  });

  it("onRefused gets what was refused; one that throws does no harm", async (t) => {
    const report = t.mock.method(console, "error", () => {});
    const errors: unknown[] = [];
    await using server = await start({
      handshake: () => new Response("no", { status: 401 }),
      onRefused(error): void {
        errors.push(error);
        throw new Error("onRefused");
      },
    });
    const { transport } = await dial(server);
    transport.write(bytesOf("nonsense\r\n\r\n"));
    transport.closeWrite();
    await until("told", () => errors.length === 1);
    assert.ok(errors[0] instanceof HandshakeError);
    const printed = report.mock.calls.map(({ arguments: [, error] }) => error);
    assert.deepEqual([printed[0].message, printed[1]], ["onRefused", errors[0]]);
    await refusedWith(server, 401);
  });

  it("onError is called once for a hook that throws, by its own error", async () => {
    const errors: unknown[] = [];
    const server = await start({
      handshake: () => {
        throw new Error("mine");
      },
      onError: (error) => void errors.push(error),
    });
    await refusedWith(server, 500);
    await server.shutdown();
    assert.deepEqual(errors.map((error) => (error as Error).message), ["mine"]);
  });

  it("takes one subprotocol as a string, and says what a list is where it is invalid", async () => {
    await using server = await start({ protocols: "chat" });
    for (const [offered, agreed] of [["chat", "chat"], ["chess", ""], [["a", "chat"], "chat"]]) {
      const connection = await connect(urlOf(server), { protocols: offered as string });
      assert.equal(connection.protocol, agreed);
      connection.terminate();
    }
    const wrong: [unknown, RegExp][] = [
      ["", /protocols has "", which is not a token$/],
      ["a b", /protocols has "a b", which is not a token$/],
      ["a, b", /"a, b", which is not a token; pass several subprotocols as a list: \["a", "b"\]$/],
      [["a,b"], /"a,b", which is not a token; pass several subprotocols as a list: \["a", "b"\]$/],
      [5, /protocols must be a string or a list of strings, got number$/],
      [{}, /protocols must be a string or a list of strings, got Object$/],
      [null, /protocols must be a string or a list of strings, got null$/],
      [["a", 5], /protocols must be .* got a list with number in it$/],
    ];
    for (const [protocols, message] of wrong) {
      await assert.rejects(start({ protocols: protocols as string }), {
        name: "TypeError",
        message,
      });
    }
  });

  it("needs handlers, and checks its options before it listens", async () => {
    const bad = [
      {},
      { websocket: 7 },
      { websocket: null },
      { websocket: ECHO, fetch: "x" },
      { websocket: ECHO, handshake: 1 },
      { websocket: ECHO, protocols: ["é"] },
    ];
    for (const options of bad) {
      await assert.rejects(listen(options as unknown as ListenOptions), TypeError);
    }
    await assert.rejects(start({ maxConnections: -1 }), RangeError);
    await assert.rejects(start({ maxPendingHandshakes: 0.5 }), RangeError);
    await assert.rejects(start({ maxPendingHandshakesPerAddress: -1 }), RangeError);
  });
});

/** The refused client's socket counts until it has let go. */
async function until503IsOver(server: WebSocketServer): Promise<WebSocketConnection> {
  const guard = Date.now() + 20_000;
  for (;;) {
    try {
      return await connect(urlOf(server));
    } catch (error) {
      if (!(error instanceof HandshakeError) || Date.now() > guard) throw error;
    }
  }
}
