/** A server that has as many handshakes and connections as it may: who gives way, and who gets in. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { connect } from "../../lib/client/connect.ts";
import { HandshakeError } from "../../lib/errors.ts";
import { listen, type ListenOptions, type WebSocketServer } from "../../lib/server/listen.ts";
import { ca, cert, key } from "../certificates/mod.ts";
import { VirtualClock } from "../../lib/testing/clock.ts";
import { ECHO, plain, REQUEST, start, urlOf } from "./support.ts";
import { RawClient } from "../support/raw_client.ts";
import { until } from "../support/until.ts";

const options = { timeout: 60_000 };
/** A client that connects from an address of this machine, and sends. */
function dial(
  localAddress: string,
  { address: { port, transport, hostname: path } }: WebSocketServer,
  text = REQUEST.slice(0, 20),
): Promise<RawClient> {
  return RawClient.open(transport === "unix" ? { path } : { port, localAddress }, text);
}

/** A client that does all as it should, from 127.0.0.1. */
async function assertServes(server: WebSocketServer): Promise<void> {
  const connection = await connect(urlOf(server));
  connection.send("hello");
  assert.equal(await connection.receive(), "hello");
  connection.close();
  await connection.closed;
}

async function assertFull(server: WebSocketServer): Promise<void> {
  await assert.rejects(connect(urlOf(server)), (error) => {
    assert.ok(error instanceof HandshakeError, `${error}`);
    assert.equal(error.status, 503);
    return true;
  });
}

/** A hook that decides when it is told to. */
function slowHook(): { handshake: ListenOptions["handshake"]; asked: number; decide(): void } {
  const decision = Promise.withResolvers<undefined>();
  const hook = {
    asked: 0,
    handshake: (): Promise<undefined> => {
      hook.asked++;
      return decision.promise;
    },
    decide: (): void => decision.resolve(undefined),
  };
  return hook;
}

describe("a server with maxPendingHandshakes", () => {
  it(
    "drops the oldest incomplete request, without an answer, for a newcomer",
    options,
    async () => {
      const errors: unknown[] = [];
      await using server = await start({
        maxPendingHandshakes: 3,
        onRefused: (error) => void errors.push(error),
      });
      using first = await dial("127.0.0.2", server);
      using second = await dial("127.0.0.2", server);
      using third = await dial("127.0.0.2", server);
      await assertServes(server);
      await first.dropped();
      assert.equal(first.text, "");
      for (const other of [second, third]) {
        other.send(REQUEST.slice(20));
        assert.equal(await other.answered(), 101);
      }
      assert.ok(errors[0] instanceof HandshakeError && errors[0].code === "UNAVAILABLE");
      assert.equal(errors.length, 1);
    },
  );

  it(
    "drops one of the address that has most, though another has an older one",
    options,
    async () => {
      await using server = await start({ maxPendingHandshakes: 4 });
      using oldest = await dial("127.0.0.3", server);
      using first = await dial("127.0.0.2", server);
      using second = await dial("127.0.0.2", server);
      using third = await dial("127.0.0.2", server);
      using fourth = await dial("127.0.0.4", server);
      await first.dropped();
      using fifth = await dial("127.0.0.5", server);
      await second.dropped();
      for (const other of [oldest, third, fourth, fifth]) {
        other.send(REQUEST.slice(20));
        assert.equal(await other.answered(), 101);
      }
    },
  );

  it("never drops those that wait for the hook: when all do, 503", options, async () => {
    const hook = slowHook();
    await using server = await start({ maxPendingHandshakes: 2, handshake: hook.handshake });
    using first = await dial("127.0.0.2", server, REQUEST);
    using second = await dial("127.0.0.2", server, REQUEST);
    await until("both wait", () => hook.asked === 2);
    await assertFull(server);
    await assertFull(server);
    hook.decide();
    assert.deepEqual([await first.answered(), await second.answered()], [101, 101]);
    await assertServes(server);
  });

  it("drops the one that is incomplete, though those that wait are older", options, async () => {
    const hook = slowHook();
    await using server = await start({ maxPendingHandshakes: 2, handshake: hook.handshake });
    using waiting = await dial("127.0.0.2", server, REQUEST);
    await until("one waits", () => hook.asked === 1);
    using incomplete = await dial("127.0.0.3", server);
    const opening = connect(urlOf(server));
    await until("the newcomer waits", () => hook.asked === 2);
    await incomplete.dropped();
    hook.decide();
    assert.equal(await waiting.answered(), 101);
    await (await opening).close();
  });

  it(
    "accepts a client whose request is complete, on a Unix socket and with TLS halfway through",
    options,
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "sluice-")), path = join(folder, "socket");
      try {
        await using server = await listen({
          path,
          websocket: ECHO,
          maxPendingHandshakes: 1,
          onRefused() {},
        });
        using first = await dial("", server);
        await using connection = await connect("ws://localhost/", { path });
        await first.dropped();
        connection.send("hello");
        assert.equal(await connection.receive(), "hello");
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
      await using server = await start({ tls: { cert, key }, maxPendingHandshakes: 2 });
      // The beginning of a ClientHello.
      using _first = await dial("127.0.0.2", server, "\x16\x03\x01");
      using _second = await dial("127.0.0.2", server, "\x16\x03\x01");
      await using connection = await connect(`wss://localhost:${server.address.port}/`, {
        tls: { caCerts: [ca] },
      });
      connection.send("hello");
      assert.equal(await connection.receive(), "hello");
    },
  );

  it("does not count those that were refused and have not closed their end", options, async () => {
    const clock = new VirtualClock();
    const server = await start({ maxPendingHandshakes: 2, maxConnections: 2, clock });
    const refused: RawClient[] = [];
    for (let i = 0; i < 5; i++) {
      const dialer = await dial("127.0.0.2", server, "nonsense\r\n\r\n");
      assert.equal(await dialer.answered(), 400);
      refused.push(dialer);
      await assertServes(server);
    }
    // There are as many of them as may be pending; the oldest are dropped first.
    for (const dialer of refused.slice(0, 3)) await dialer.dropped();
    let over = false;
    const closing = server.shutdown().then(() => over = true);
    clock.advance(1_999);
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal(over, false);
    clock.advance(1);
    await closing;
    for (const dialer of refused.slice(3)) await dialer.dropped();
  });

  it(
    "does not count answers that nothing reads, and sends no more of them at once",
    options,
    async () => {
      const size = 32 << 20;
      await using server = await start({
        maxPendingHandshakes: 2,
        maxConnections: 1,
        fetch: () => new Response(new Uint8Array(size)),
      });
      const readers: RawClient[] = [];
      for (let i = 0; i < 3; i++) {
        const dialer = await dial("127.0.0.2", server, plain("GET /"));
        await until("it begins", () => dialer.received > 0);
        dialer.pause();
        readers.push(dialer);
      }
      await assertServes(server);
      for (const reader of readers) reader.resume();
      await until("all end", () => readers.every(({ ended, closed }) => ended || closed));
      const whole = readers.map(({ received }) => received > size);
      assert.deepEqual(whole, [false, true, true]);
      for (const reader of readers) reader[Symbol.dispose]();
    },
  );
});

describe("a server that shuts down while it answers", () => {
  for (const reads of [true, false]) {
    it(
      reads ? "sends the answer to its end" : "drops it when its time is over",
      options,
      async () => {
        const clock = new VirtualClock(), size = 32 << 20;
        let cancelled = false;
        const body = new ReadableStream({
          start: (controller) => controller.enqueue(new Uint8Array(size)),
          pull: (controller) => reads ? controller.close() : undefined,
          cancel: () => void (cancelled = true),
        });
        const server = await start({ clock, fetch: () => new Response(body) });
        using reader = await dial("127.0.0.2", server, plain("GET /"));
        await until("it begins", () => reader.received > 0);
        reader.pause();
        const over = server.shutdown({ timeout: 500 });
        if (reads) {
          reader.resume();
          await until("all has come", () => reader.ended);
          assert.ok(reader.received > size);
          reader.end();
        } else clock.advance(500);
        await over;
        assert.equal(cancelled, !reads);
      },
    );
  }
});

describe("a server with maxPendingHandshakesPerAddress", () => {
  it("drops the oldest incomplete request of an address that has more", options, async () => {
    const hook = slowHook();
    await using server = await start({
      maxPendingHandshakesPerAddress: 2,
      handshake: hook.handshake,
    });
    using other = await dial("127.0.0.3", server);
    using another = await dial("127.0.0.3", server);
    using waiting = await dial("127.0.0.2", server, REQUEST);
    await until("one waits", () => hook.asked === 1);
    using first = await dial("127.0.0.2", server);
    using second = await dial("127.0.0.2", server);
    await first.dropped();
    hook.decide();
    for (const each of [other, another, second]) {
      each.send(REQUEST.slice(20));
      assert.equal(await each.answered(), 101);
    }
    assert.equal(await waiting.answered(), 101);
  });

  it("refuses with 503 an address whose handshakes all wait for the hook", options, async () => {
    const hook = slowHook();
    await using server = await start({
      maxPendingHandshakesPerAddress: 1,
      handshake: hook.handshake,
    });
    using first = await dial("127.0.0.2", server, REQUEST);
    await until("it waits", () => hook.asked === 1);
    using second = await dial("127.0.0.2", server, REQUEST);
    assert.equal(await second.answered(), 503);
    using other = await dial("127.0.0.3", server, REQUEST);
    await until("the other waits", () => hook.asked === 2);
    hook.decide();
    assert.deepEqual([await first.answered(), await other.answered()], [101, 101]);
  });
});

describe("a server with maxConnections", () => {
  it("is not locked by incomplete requests", options, async () => {
    await using server = await start({ maxConnections: 2 });
    using first = await dial("127.0.0.2", server);
    using second = await dial("127.0.0.2", server);
    await using one = await connect(urlOf(server));
    await first.dropped();
    await using two = await connect(urlOf(server));
    await second.dropped();
    await assertFull(server);
    for (const connection of [one, two]) {
      connection.send("hello");
      assert.equal(await connection.receive(), "hello");
    }
  });
});

describe("a server among half-sent heads, half-sent frames, and peers that never read", () => {
  it("serves a client of another address, and holds little for the others", options, async () => {
    await using server = await start({
      maxPendingHandshakes: 8,
      websocket: {
        message: (connection, data) => connection.send(data) ? undefined : connection.ready,
      },
    });
    const attackers: RawClient[] = [];
    const attack = async (text: string): Promise<RawClient> => {
      const dialer = await dial("127.0.0.2", server, text);
      attackers.push(dialer);
      return dialer;
    };
    for (let i = 0; i < 8; i++) {
      const half = await attack(REQUEST);
      assert.equal(await half.answered(), 101);
      // The header of a frame of 16 MiB, and none of its payload.
      half.send(new Uint8Array([0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]));
    }
    for (let i = 0; i < 4; i++) {
      const deaf = await attack(REQUEST);
      assert.equal(await deaf.answered(), 101);
      deaf.pause();
      const message = new Uint8Array(14 + 65_536);
      message.set([0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
      for (let sent = 0; sent < 100; sent++) deaf.send(message);
    }
    for (let i = 0; i < 20; i++) {
      await attack(REQUEST.slice(0, 20));
      await assertServes(server);
    }
    assert.equal(server.connections.size, 12);
    for (const connection of server.connections) {
      // sendHighWaterMark, the message that passes it, and the one that is then refused.
      assert.ok(connection.bufferedAmount <= 3 * 65_546, `${connection.bufferedAmount}`);
    }
    for (const attacker of attackers) attacker[Symbol.dispose]();
  });
});
