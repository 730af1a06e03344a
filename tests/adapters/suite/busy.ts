/**
 * Handlers that work, and connections that are paused, while the peer goes on, closes, or goes away.
 *
 * @module
 */
import assert from "node:assert/strict";
import { PING, PONG, textOf } from "../../connection/support.ts";
import type { Case, CaseUser, Rig, Side } from "./case.ts";
import type { WirePeer } from "./wire.ts";

/** Long enough for what must not happen to be seen, were it to happen; in milliseconds. */
const A_WHILE = 100;

/** The ways in which a peer goes away, and the code that is told. */
const ends: readonly { name: string; code: number; end(peer: WirePeer): Promise<void> }[] = [
  {
    name: "closes",
    code: 1000,
    end: async (peer): Promise<void> => void await peer.closeWith(),
  },
  {
    name: "ends without a Close",
    code: 1006,
    end(peer): Promise<void> {
      // TLS on Deno has no end of one direction.
      if (peer.wire.transport.secure) peer.vanish();
      else peer.wire.transport.closeWrite();
      return Promise.resolve();
    },
  },
  {
    name: "vanishes",
    code: 1006,
    end: (peer): Promise<void> => Promise.resolve(peer.vanish()),
  },
];

/** Handles each message once the test lets it go on. */
function worker(side: Side): CaseUser {
  return {
    async message(_connection, data): Promise<void> {
      side.tell("event", `begin ${data}`);
      await side.go();
      side.tell("event", `end ${data}`);
    },
    close: (_connection, { closeCode }) => side.tell("event", `close ${closeCode}`),
  };
}

/** Waits for the pong: all that was said before has been read then. */
async function isRead(peer: WirePeer): Promise<void> {
  await peer.sayFrame(0x80 | PING, "read?");
  for (;;) {
    const { opcode, payload } = await peer.answered();
    if (opcode === PONG && textOf(payload) === "read?") return;
  }
}

async function waitsInVain({ told }: Rig): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, A_WHILE));
  assert.deepEqual(told.all("closed"), []);
}

const handled = (code: number): string[] => [
  ..."abc".split("").flatMap((text) => [`begin ${text}`, `end ${text}`]),
  `close ${code}`,
];

/** The cases. */
export const busyCases: readonly Case[] = [
  ...ends.map(({ name, code, end }): Case => ({
    name: `while a handler works pings are answered; the peer ${name}: all is handled, then closed`,
    user: worker,
    async test(rig): Promise<void> {
      const { peer, told, go } = rig;
      await peer.say("a", "b", "c");
      await isRead(peer);
      await end(peer);
      await waitsInVain(rig);
      assert.deepEqual(told.all("event"), ["begin a"]);
      go();
      assert.equal((await told.closed()).closeCode, code);
      assert.deepEqual(told.all("event"), handled(code));
    },
  })),
  {
    name: "messages and the end in one go, while a handler works: all is handled, then closed",
    user: worker,
    async test(rig): Promise<void> {
      const { peer, told, go } = rig;
      void peer.say("a", "b", "c");
      await ends[1].end(peer);
      await told.next("event");
      go();
      assert.equal((await told.closed()).closeCode, 1006);
      assert.deepEqual(told.all("event"), handled(1006));
    },
  },
  {
    name: "reading that stopped for want of room goes on to the peer's end",
    options: { receiveHighWaterMark: 257 },
    user: worker,
    async test(rig): Promise<void> {
      const { peer, told, go } = rig;
      const texts = Array.from({ length: 20 }, (_, at) => `${at}`);
      void peer.say(...texts);
      await ends[1].end(peer);
      await waitsInVain(rig);
      go();
      assert.equal((await told.closed()).closeCode, 1006);
      assert.deepEqual(told.all("event"), [
        ...texts.flatMap((text) => [`begin ${text}`, `end ${text}`]),
        "close 1006",
      ]);
    },
  },
  ...ends.filter(({ code }) => code === 1006).flatMap(({ name, end }) =>
    (["resume", "terminate"] as const).map((finish): Case => ({
      name: `paused, the peer ${name}: no handler is called before ${finish}()`,
      user: (side) => ({
        async open(connection): Promise<void> {
          connection.pause();
          side.tell("paused");
          await side.go();
          connection[finish]();
        },
        message: (_connection, data) => side.tell("event", `message ${data}`),
        ping: () => side.tell("event", "ping"),
        close: (_connection, { closeCode }) => side.tell("event", `close ${closeCode}`),
      }),
      async test(rig): Promise<void> {
        const { peer, told, go } = rig;
        await told.next("paused");
        await peer.say("a", "b");
        await waitsInVain(rig);
        await end(peer);
        await waitsInVain(rig);
        assert.deepEqual(told.all("event"), []);
        go();
        assert.equal((await told.closed()).closeCode, 1006);
        const events = told.all("event");
        assert.equal(events.at(-1), "close 1006");
        // Of a reset socket the system may have lost what was not read.
        const most = finish === "resume" ? ["message a", "message b"] : [];
        assert.deepEqual(events.slice(0, -1), most.slice(0, events.length - 1));
        if (name !== "vanishes") assert.equal(events.length, most.length + 1);
      },
    }))
  ),
];
