/**
 * A user who stops reading for a minute, in which pings were due, loses nothing: not the connection,
 * and no message.
 */
import { CONNECTION_PARTS } from "../../lib/connection/parts.ts";
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { WebSocketConnection } from "../../lib/connection/connection.ts";
import { ConnectionClosedError, LimitError } from "../../lib/errors.ts";
import { StreamedMessage } from "../../lib/connection/streamed_message.ts";
import type { ConnectionOptions } from "../../lib/protocol/options.ts";
import { readConnectionOptions } from "../../lib/protocol/protocol_options.ts";
import { ProtocolLink } from "../../lib/link/protocol_link.ts";
import type { Transport } from "../../lib/link/transport.ts";
import type { Role } from "../../lib/frame/opcode.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { VirtualClock } from "../../lib/testing/clock.ts";
import { open, openStream, pass, type Peer, PING, PONG, ROLES, settle } from "./support.ts";

const SECOND = 1_000, MINUTE = 60 * SECOND;
/** Little is kept here and below, so that the peer has to hold the rest. */
const small = { pingInterval: 20 * SECOND, receiveHighWaterMark: 1_000 };
const memory = { capacity: 1_000 };
const TEXTS: readonly string[] = Array.from({ length: 200 }, (_, i) => `message ${i}`.padEnd(100));

/** A connection that is not read until `read` is called, which gives what it got in the end. */
interface Unread {
  rig: ReturnType<typeof open> | ReturnType<typeof openStream>;
  read(): Promise<readonly string[]>;
}

/** Waits until all messages are there; not for ever. */
async function complete(got: readonly string[]): Promise<readonly string[]> {
  for (let turns = 0; got.length < TEXTS.length && turns < 1_000; turns++) await settle();
  return got;
}

/** Takes as many messages as there are. */
async function takeAll(
  messages: AsyncIterable<string | Uint8Array | StreamedMessage>,
): Promise<string[]> {
  const got: string[] = [];
  for await (const message of messages) {
    got.push(message instanceof StreamedMessage ? await message.text() : String(message));
    if (got.length === TEXTS.length) break;
  }
  return got;
}

const ways: [string, (role: Role) => Unread][] = [
  ["pause() before a handler", (role) => {
    const got: string[] = [];
    const websocket = { message: (_: unknown, data: unknown): void => void got.push(String(data)) };
    const rig = open({ role, memory, ...small, websocket });
    rig.connection.pause();
    return {
      rig,
      read(): Promise<readonly string[]> {
        rig.connection.resume();
        return complete(got);
      },
    };
  }],
  ["a handler whose promise is pending", (role) => {
    const got: string[] = [], gate = Promise.withResolvers<void>();
    const websocket = {
      message(_: unknown, data: unknown): Promise<void> {
        got.push(String(data));
        return gate.promise;
      },
    };
    return {
      rig: open({ role, memory, ...small, websocket }),
      read(): Promise<readonly string[]> {
        gate.resolve();
        return complete(got);
      },
    };
  }],
  ["an iteration that does not ask", (role) => {
    const rig = open({ role, memory, ...small });
    return { rig, read: () => takeAll(rig.connection) };
  }],
  ["a readable that is not read", (role) => {
    const rig = open({ role, memory, ...small });
    const { readable } = rig.connection;
    return { rig, read: () => takeAll(readable.values({ preventCancel: true })) };
  }],
  ["messages in pieces that are not read", (role) => {
    const rig = openStream({ role, memory, ...small });
    return { rig, read: () => takeAll(rig.connection) };
  }],
];

/** A minute passes, second by second; the peer answers what pings it sees. */
async function passMinute(peer: Peer, clock: VirtualClock): Promise<number> {
  let answered = 0;
  for (let passed = 0; passed < MINUTE; passed += SECOND) {
    await pass(clock, SECOND);
    const pings = peer.frames.filter(({ opcode }) => opcode === PING).length;
    for (; answered < pings; answered++) peer.write(peer.frame(0x80 | PONG));
  }
  return answered;
}

for (const role of ROLES) {
  describe(`not read for a minute, as ${role}`, () => {
    for (const [name, make] of ways) {
      it(`${name}: the peer waits, and then nothing is lost`, async () => {
        const { rig: { connection, peer, clock }, read } = make(role);
        peer.say(...TEXTS);
        const pings = await passMinute(peer, clock);
        assert.equal(pings, 3);
        assert.ok(peer.transport.bufferedAmount > 0, "the peer was not held back");
        assert.ok(connection.stats.messagesReceived < TEXTS.length / 2);
        assert.equal(connection.readyState, 1);
        assert.deepEqual(await read(), TEXTS);
        connection.close();
        peer.sayClose();
        peer.transport.closeWrite();
        const { wasClean, error } = await connection.closed;
        assert.deepEqual({ wasClean, error }, { wasClean: true, error: undefined });
        assert.equal(clock.timers, 0);
      });
    }

    it("a ping that was on its way when reading stopped is waited for anew", async () => {
      const { connection, peer, clock } = open({ role, ...small });
      clock.advance(20 * SECOND);
      connection.pause();
      clock.advance(MINUTE);
      connection.resume();
      await pass(clock, 20 * SECOND - 1);
      assert.equal(connection.readyState, 1);
      await pass(clock, 1);
      assert.deepEqual(peer.closeCodes, [1011]);
      connection.terminate();
      const { error } = await connection.closed;
      assert.equal(error instanceof LimitError && error.option, "pingTimeout");
    });
  });
}

/** Both ends of a connection, one of which is not read at first. */
function openBoth(sending: ConnectionOptions): {
  sender: WebSocketConnection;
  reader: WebSocketConnection;
  clock: VirtualClock;
} {
  const pair = memoryTransportPair(memory), clock = new VirtualClock();
  const end = (role: Role, transport: Transport, more: ConnectionOptions): WebSocketConnection => {
    const options = readConnectionOptions({ ...small, ...more, clock });
    const link = new ProtocolLink({ role, transport, options });
    const connection = new WebSocketConnection<undefined>(link, {
      url: "ws://test/",
      data: undefined,
      parts: CONNECTION_PARTS,
      options,
      onError: (): void => {}, // nobody reads, which is told
    });
    connection.start(undefined);
    return connection;
  };
  return {
    sender: end("client", pair.client, { sendHighWaterMark: 100, ...sending }),
    reader: end("server", pair.server, {}),
    clock,
  };
}

/** Sends all under `ready`; gives how many were sent. */
async function sendAll(connection: WebSocketConnection): Promise<number> {
  for (const [sent, text] of TEXTS.entries()) {
    if (connection.readyState !== 1) return sent;
    connection.send(text);
    await connection.ready;
  }
  return TEXTS.length;
}

describe("an end that is not read for a minute, and one that sends under ready", () => {
  it("what is sent with patience (sendTimeout) all arrives, though pings were due", async () => {
    const { sender, reader, clock } = openBoth({ sendTimeout: Infinity });
    const sent = sendAll(sender);
    await pass(clock, MINUTE, { step: SECOND });
    assert.deepEqual([sender.readyState, reader.readyState], [1, 1]);
    assert.ok(sender.bufferedAmount > 0);
    assert.ok(sender.stats.messagesSent < TEXTS.length / 2, "the sender was not held back");
    assert.deepEqual(await takeAll(reader), TEXTS);
    assert.equal(await sent, TEXTS.length);
    sender.close();
    assert.equal((await reader.closed).wasClean, true);
    assert.equal((await sender.closed).wasClean, true);
    assert.equal(clock.timers, 0);
  });

  it("without it the sender gives up, and says why; what it had sent before is read", async () => {
    const { sender, reader, clock } = openBoth({});
    const sent = sendAll(sender);
    await pass(clock, MINUTE, { step: SECOND });
    const { error, sent: status } = await sender.closed;
    assert.equal(error instanceof LimitError && error.option, "sendTimeout");
    assert.equal(status, undefined, "its Close cannot have left");
    const count = await sent, got: string[] = [];
    await assert.rejects(async () => {
      for await (const text of reader) got.push(String(text));
    }, ConnectionClosedError);
    assert.ok(got.length > 0 && got.length <= count);
    assert.deepEqual(got, TEXTS.slice(0, got.length));
    assert.equal(clock.timers, 0);
  });
});
