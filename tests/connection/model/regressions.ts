/** Orders in which something was wrong once. Few runs at random would come upon them again. */

import type { EndSetup } from "./end.ts";
import type { Setup } from "./world.ts";
import { World } from "./world.ts";

/** What happens, from an open pair to where anybody may end it. */
export interface Found {
  name: string;
  /** Turns of the promises that pass somewhere on the way: each number of them is tried. */
  run(turns: number): Promise<World>;
}

const side: EndSetup = {
  reading: "iteration",
  messages: "whole",
  body: "bytes",
  eager: false,
  sendHighWaterMark: 10,
  maxBufferedAmount: 1_000_000,
  receiveHighWaterMark: 10,
  pingInterval: Infinity,
  largest: Infinity,
};
const text = { type: "text", kind: "iterable", by: "send", abortable: false } as const;

function world(settings: Partial<Setup> = {}): World {
  return new World({
    capacity: 1000,
    chunkSize: Infinity,
    copies: false,
    compressed: false,
    client: side,
    server: side,
    ...settings,
  });
}

/** The orders. */
export const FOUND: readonly Found[] = [
  {
    name: "messages over the mark while closing: none comes after one that was dropped",
    async run(turns) {
      const pair = world({ capacity: 14, chunkSize: 14 });
      for (let i = 0; i < 12; i++) pair.server.sending.send("text", 10, "send");
      await pair.quiet();
      pair.client.connection.close();
      for (let i = 0; i < 40; i++) {
        pair.step(2);
        await pair.turns(turns);
        if (i % 5 === 0) pair.client.reader.take();
      }
      return pair;
    },
  },
  {
    name: "both close behind messages that wait for room: neither waits for the other",
    async run() {
      const pair = world();
      for (const { sending } of [pair.client, pair.server]) {
        for (let i = 0; i < 3; i++) sending.send("binary", 300, "send");
        const source = sending.stream(text);
        source.give(140_000);
        source.end();
      }
      await pair.quiet();
      return pair;
    },
  },
  {
    name: "pause() after close() behind a message under way: the peer's Close is read",
    async run(turns) {
      const pair = world();
      pair.client.sending.stream(text);
      pair.client.discard();
      pair.client.connection.close();
      await pair.turns(turns);
      pair.client.pause();
      return pair;
    },
  },
  {
    name: "close() as a source fails: no timer is set for what is over",
    async run(turns) {
      const pair = world();
      const { sending } = pair.server;
      const source = sending.stream(text);
      await pair.quiet();
      sending.failSource(source);
      await pair.turns(turns);
      pair.server.connection.close();
      return pair;
    },
  },
  {
    name: "a slow source and a peer that reads nothing: no more leaves than there is room for",
    async run() {
      const pair = world({ capacity: 10 });
      const source = pair.client.sending.stream(text);
      for (let i = 0; i < 6; i++) {
        source.give(20);
        await pair.pass(15, true);
      }
      return pair;
    },
  },
  {
    name: "close() with a source that waits for the peer: it has not stalled",
    async run() {
      const pair = world();
      const source = pair.client.sending.stream(text);
      await pair.turn();
      pair.client.connection.close();
      await pair.pass(9000, true);
      source.give(140_000);
      await pair.pass(9000, true);
      return pair;
    },
  },
  {
    name: "dropped with the peer's Close read and our own still waiting to leave: not clean",
    async run() {
      const pair = world({ capacity: 10 });
      pair.client.sending.send("text", 500, "send");
      await pair.turn();
      pair.server.connection.close();
      await pair.turn();
      while (pair.client.connection.readyState === 1) pair.step(1);
      pair.client.connection.terminate();
      return pair;
    },
  },
  {
    name: "discard() from a handler whose promise goes on: the peer does not wait",
    async run(turns) {
      const pair = world({ server: { ...side, reading: "promises" } });
      pair.server.arm("message", () => pair.server.discard());
      for (let i = 0; i < 3; i++) pair.client.sending.send("text", 20, "send");
      await pair.turns(turns);
      await pair.quiet();
      return pair;
    },
  },
];
