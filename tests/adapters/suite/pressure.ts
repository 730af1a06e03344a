/**
 * Ends that do not keep up with each other.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { WebSocketConnection } from "../../../mod.ts";
import { BINARY } from "../../connection/support.ts";
import type { Case } from "./case.ts";
import type { WirePeer } from "./wire.ts";

/** More than all the buffers of the system hold on the way: on Linux 32 MiB and 4 MiB. */
const OFFERED = 64 * 1024 * 1024;
const SIZE = 16 * 1024;
const COUNT = OFFERED / SIZE;
/** Bun writes what is sent in one tick in batches of this size, which no `bufferedAmount` shows. */
const BUN_BATCH = 128 * 1024;
/**
 * What `bufferedAmount` may be: the high-water mark, the message that passes it, the one that gives
 * false, and their headers; with Bun's own sockets a batch as well, if the system refuses all of it.
 */
const MOST_BUFFERED = 65_536 + BUN_BATCH + 2 * (SIZE + 14);
/** A message that no system takes at once. */
const LARGE = 12 << 20;

/** Where the platform cannot pause; each message counts 64 bytes more. */
const maxReceiveBuffered = 2 * 1024 * 1024;
const TOO_MANY = Math.floor(maxReceiveBuffered / (SIZE + 64)) + 1;

/** What a peer offers, until it is told to stop. */
class Offer {
  /** How many messages the system took. */
  taken = 0;
  stopped = false;
  readonly done: Promise<void>;

  constructor(peer: WirePeer, count = COUNT) {
    this.done = this.#run(peer, count);
  }

  async #run(peer: WirePeer, count: number): Promise<void> {
    const { wire } = peer;
    const message = peer.bytesOf(0x80 | BINARY, new Uint8Array(SIZE));
    while (this.taken < count && !this.stopped && !wire.ended) {
      await wire.write(message);
      this.taken++;
    }
  }
}

/** Resolves once it is above 0 and has not changed for a third of a second. */
async function untilStill(figure: () => number): Promise<void> {
  for (let last = 0, same = 0; same < 15;) {
    const now = figure();
    same = now === last && now > 0 ? same + 1 : 0;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The cases. */
export const pressureCases: readonly Case[] = [
  {
    name: "pause makes the peer wait, or what comes is bounded by maxReceiveBuffered",
    options: { maxReceiveBuffered },
    user: (side) => {
      let size = 0;
      return {
        async open(connection): Promise<void> {
          connection.pause();
          side.tell("paused");
          await side.go();
          connection.resume();
        },
        message(_connection, data): void {
          if (typeof data === "string") side.tell("size", size);
          else size += data.length;
        },
      };
    },
    async test({ peer, told, go, opened, findings }): Promise<void> {
      await told.next("paused");
      if (!opened.capabilities.pause) {
        // No more than that: Deno drops a peer that still sends, whether it has the Close or not.
        await new Offer(peer, TOO_MANY).done;
        const code = opened.capabilities.anyCloseCode ? 1008 : 4008;
        assert.deepEqual(await peer.close(), { code, reason: "maxReceiveBuffered" });
        findings.pause = false;
        await peer.sayClose(code);
        await peer.wire.leave();
        go(); // the end of a paused connection is told when it is resumed
        const { error, sent } = await told.closed();
        assert.deepEqual([error?.name, error?.option], ["LimitError", "maxReceiveBuffered"]);
        assert.equal(sent?.closeCode, code);
        return assert.deepEqual(told.all("size"), []);
      }
      const offer = new Offer(peer);
      await untilStill(() => offer.taken);
      findings.pause = offer.taken < COUNT && !peer.wire.ended;
      assert.ok(findings.pause, `${offer.taken} of ${COUNT} messages were taken`);
      offer.stopped = true;
      assert.deepEqual(told.all("closed"), []);
      go();
      await offer.done;
      await peer.say("all");
      assert.equal(await told.next("size"), offer.taken * SIZE);
      await peer.closeWith();
    },
  },
  {
    name: "a message of any size into an empty buffer: send gives true, ready waits until it left",
    options: { maxMessageSize: LARGE },
    user: (side) => async (connection: WebSocketConnection) => {
      const given = connection.send(new Uint8Array(LARGE));
      await connection.ready;
      side.tell("ready", { given, left: connection.bufferedAmount });
    },
    async test({ peer, told }): Promise<void> {
      assert.equal((await peer.message()).size, LARGE);
      const { given, left } = await told.next<{ given: boolean; left: number }>("ready");
      assert.equal(given, true);
      assert.ok(left <= 65_536, `${left}`);
      await peer.closeWith();
    },
  },
  {
    name:
      "bufferedAmount of one large message shrinks as the peer reads it, so sendTimeout sees it",
    user: (side) => async (connection: WebSocketConnection) => {
      connection.send(new Uint8Array(2 * LARGE));
      const amounts = new Set<number>();
      while (connection.bufferedAmount > 0 && connection.readyState === 1) {
        amounts.add(connection.bufferedAmount);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      side.tell("amounts", [amounts.size, connection.remoteAddress?.transport ?? ""]);
    },
    async test({ peer, told, opened }): Promise<void> {
      assert.equal((await peer.message()).size, 2 * LARGE);
      const [amounts, transport] = await told.next<[number, string]>("amounts");
      // What a platform holds is its own affair; in memory all of it happens between two timers.
      const isVisible = opened.capabilities.streaming && transport !== "memory";
      assert.ok(amounts > 2 || !isVisible, `${amounts} amounts`);
      await peer.closeWith();
    },
  },
  {
    name: "ready and drain come after a send that gave false, whatever the high-water mark",
    options: { sendHighWaterMark: 1000 },
    user: (side) => ({
      async open(connection): Promise<void> {
        let given = true;
        for (let sent = 0; sent < 3; sent++) given = connection.send(new Uint8Array(2000));
        await connection.ready;
        side.tell("ready", [given, connection.bufferedAmount <= 1000]);
      },
      drain: () => side.tell("drain"),
    }),
    async test({ peer, told }): Promise<void> {
      for (let count = 0; count < 3; count++) assert.equal((await peer.message()).size, 2000);
      const [given, left] = await told.next<boolean[]>("ready");
      assert.ok(left);
      // A platform that takes all of it at once gives true.
      if (!given) await told.next("drain");
      await peer.closeWith();
    },
  },
  {
    name: "send gives false when the peer does not read, and ready waits until it does",
    options: { maxBufferedAmount: Infinity },
    user: (side) => async (connection: WebSocketConnection) => {
      const bytes = new Uint8Array(SIZE);
      let stopped = false, mostBuffered = 0, sent = 0;
      void side.go().then(() => stopped = true);
      while (sent < COUNT && !stopped) {
        const room = connection.send(bytes);
        sent++;
        mostBuffered = Math.max(mostBuffered, connection.bufferedAmount);
        if (!room) await connection.ready;
        if (sent % 4 === 0) side.tell("sent", sent);
      }
      side.tell("done", { sent, mostBuffered });
    },
    async test({ peer, told, go, findings }): Promise<void> {
      peer.wire.transport.pause();
      await untilStill(() => told.all("sent").length);
      findings.backpressure = told.all("done").length === 0;
      go();
      peer.wire.transport.resume();
      const { sent, mostBuffered } = await told.next<{ sent: number; mostBuffered: number }>(
        "done",
      );
      if (findings.backpressure) {
        assert.ok(sent < COUNT && mostBuffered <= MOST_BUFFERED, `${sent}, ${mostBuffered}`);
      }
      for (let count = 0; count < sent; count++) {
        assert.equal((await peer.message()).size, SIZE);
      }
      await peer.closeWith();
    },
  },
];
