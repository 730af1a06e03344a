/**
 * A handler that works for a minute while the peer, on default options as well, sends 100 messages of
 * 20 bytes a second: the connection is kept, and pings are answered, until the queue is full.
 */
import { CONNECTION_PARTS } from "../../lib/connection/parts.ts";
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { WebSocketConnection } from "../../lib/connection/connection.ts";
import type { ConnectionHandler } from "../../lib/connection/connection.ts";
import { readConnectionOptions } from "../../lib/protocol/protocol_options.ts";
import { ProtocolLink } from "../../lib/link/protocol_link.ts";
import type { Role } from "../../lib/frame/opcode.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { VirtualClock } from "../../lib/testing/clock.ts";
import { watch } from "./test_sources.ts";
import { pass, ROLES, settle } from "./support.ts";

const SECOND = 1_000, MINUTE = 60 * SECOND;
const PER_SECOND = 100, SIZE = 20;
/** What fits into the default of receiveHighWaterMark, 1 MiB, with 256 bytes for each message. */
const FIT = Math.floor((1 << 20) / (SIZE + 256));

/** Two connections with nothing but defaults, and one clock for both. */
function openPair(
  busyRole: Role,
  websocket: ConnectionHandler,
): { busy: WebSocketConnection; sender: WebSocketConnection; clock: VirtualClock } {
  const clock = new VirtualClock(), pair = memoryTransportPair();
  const open = (role: Role, user: ConnectionHandler): WebSocketConnection => {
    const options = readConnectionOptions({ clock });
    const link = new ProtocolLink({ role, transport: pair[role], options });
    const connection = new WebSocketConnection<undefined>(link, {
      url: "ws://test/",
      data: undefined,
      parts: CONNECTION_PARTS,
      options,
    });
    connection.start(user);
    return connection;
  };
  const senderRole = busyRole === "server" ? "client" : "server";
  return { busy: open(busyRole, websocket), sender: open(senderRole, {}), clock };
}

for (const role of ROLES) {
  describe(`a handler that works for a minute, as ${role}`, () => {
    it("pings are answered until the queue is full; then the peer waits, and all is handled", async () => {
      const got: string[] = [], gate = Promise.withResolvers<void>();
      const { busy, sender, clock } = openPair(role, {
        message(_connection, data): Promise<void> | void {
          got.push(String(data));
          if (got.length === 1) return gate.promise;
        },
      });
      const sent: string[] = [];
      let filledAt = Infinity;
      for (let second = 0; second < 60; second++) {
        for (let at = 0; at < PER_SECOND; at++) {
          const text = `${second}.${at}`.padStart(SIZE);
          sender.send(text);
          sent.push(text);
          clock.advance(SECOND / PER_SECOND);
        }
        await settle();
        const { messagesReceived } = busy.stats;
        if (messagesReceived < sent.length) filledAt = Math.min(filledAt, second);
        // Not a message less than fits: the first is being handled, and one was past the mark.
        assert.equal(messagesReceived, Math.min(sent.length, FIT + 2));
        if (second > filledAt) continue;
        const ping = watch(sender.ping());
        const own = watch(busy.ping());
        await settle();
        const answered = messagesReceived < FIT + 2;
        assert.equal(ping.state, answered ? "resolved" : "pending", `in second ${second}`);
        assert.equal(own.state, answered ? "resolved" : "pending");
      }
      assert.equal(filledAt, Math.floor((FIT + 2) / PER_SECOND));
      assert.deepEqual([got.length, busy.readyState, sender.readyState], [1, 1, 1]);
      gate.resolve();
      await settle();
      await settle();
      assert.deepEqual(got, sent);
      assert.equal(typeof await sender.ping(), "number");
      sender.close();
      const [{ wasClean }] = await Promise.all([busy.closed, sender.closed]);
      assert.equal(wasClean, true);
      assert.equal(clock.timers, 0);
    });

    it("without messages meanwhile it may take as long as it likes", async () => {
      const gate = Promise.withResolvers<void>();
      const { busy, sender, clock } = openPair(role, { message: () => gate.promise });
      sender.send("work");
      for (let passed = 0; passed < 10 * MINUTE; passed += 5 * SECOND) {
        await pass(clock, 5 * SECOND);
      }
      assert.deepEqual([busy.readyState, sender.readyState], [1, 1]);
      gate.resolve();
      busy.terminate();
      await Promise.all([busy.closed, sender.closed]);
    });
  });
}
