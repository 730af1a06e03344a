/**
 * Over many losses of the connection, of every kind and at moments chosen at random: each message arrives at
 * most once and in order, and those that did not arrive were reported.
 */
import assert from "node:assert/strict";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { listen, type WebSocketServer } from "../../../lib/server/mod.ts";
import { Network, settle } from "../../../lib/testing/mod.ts";
import { Random } from "../../../lib/testing/random.ts";
import {
  type ConnectionHandlers,
  type MessageData,
  reconnecting,
  type ReconnectingConnection,
  type ReconnectingState,
  type WebSocketConnection,
} from "../../../mod.ts";
import { setImmediate } from "node:timers";
import { until } from "../../support/until.ts";
import { CHAT_URL, serveChat } from "../../support/chat_server.ts";

const options = { timeout: 300_000 };
const LOSSES = 500;

/** Numbered messages in both directions, and what came of them. */
class Numbers {
  readonly unconfirmed = new Set<number>();
  /** Each connection's: what was held up on a lost one may arrive after what was sent on the next. */
  readonly atServer = new Map<unknown, number[]>();
  readonly atClient: number[] = [];
  readonly states: { at: number; state: ReconnectingState }[] = [];
  #sent = 0;
  #answered = 0;

  /** The server's handlers: each message is answered with the next number of its own. */
  readonly websocket: ConnectionHandlers = {
    message: (own, data) => {
      const list = this.atServer.get(own) ?? [];
      this.atServer.set(own, list);
      list.push(numberOf(data));
      own.send(`${this.#answered++}`);
    },
  };

  /** How many times an open connection was lost. */
  get losses(): number {
    return this.states.filter(({ state }, at) =>
      state.name === "waiting" && this.states[at - 1].state.name === "open"
    ).length;
  }

  open(url: string, given: { network?: Network; now: () => number }): ReconnectingConnection {
    const { now, network } = given;
    const chat = reconnecting(url, {
      ...network && { network },
      retryDelay: 20,
      maxRetryDelay: 200,
      stableTime: 100,
      pingInterval: 300,
      pingTimeout: 300,
      handshakeTimeout: 500,
      onState: (state) => void this.states.push({ at: now(), state }),
      onUnconfirmed: (messages) => {
        for (const message of messages) this.unconfirmed.add(numberOf(message));
      },
    });
    void (async () => {
      for await (const message of chat) this.atClient.push(numberOf(message));
    })();
    return chat;
  }

  /** Sends some messages, of different sizes: text, and bytes. */
  send(chat: ReconnectingConnection, random: Random): void {
    for (let count = Math.floor(random.next() * 5); count > 0; count--) {
      const text = `${this.#sent++} ${"x".repeat(Math.floor(random.next() ** 4 * 20_000))}`;
      chat.send(random.happens(0.5) ? text : new TextEncoder().encode(text));
    }
  }

  check(): void {
    for (const list of [...this.atServer.values(), this.atClient]) {
      assert.ok(list.every((number, at) => at === 0 || number > list[at - 1]), `order: ${list}`);
    }
    const all = [...this.atServer.values()].flat(), arrived = new Set(all);
    assert.equal(all.length, arrived.size, "at most once");
    const lost = Array.from({ length: this.#sent }, (_, at) => at).filter((number) =>
      !arrived.has(number) && !this.unconfirmed.has(number)
    );
    assert.deepEqual(lost, []);
    // Else this would hold by sending nothing, or by reporting everything.
    assert.ok(arrived.size > this.#sent / 2, `${arrived.size} of ${this.#sent} have arrived`);
    const { size } = this.unconfirmed;
    assert.ok(size > 0 && size < this.#sent * 0.8, `${size} of ${this.#sent} are unconfirmed`);
    this.states.forEach(({ at, state: { name, delay } }, index) => {
      if (name !== "waiting") return;
      const next = this.states[index + 1];
      if (next.state.name === "closed") return;
      assert.equal(next.state.name, "connecting");
      assert.ok(next.at - at >= delay! - 2, `${next.at - at} ms in place of ${delay}`);
    });
  }
}

function numberOf(message: MessageData): number {
  return parseInt(typeof message === "string" ? message : new TextDecoder().decode(message));
}

describe("reconnecting: chaos", () => {
  for (const start of [1, 2, 3]) {
    const seed = Number(globalThis.process?.env?.FUZZ_SEED) || start;
    it(`over ${LOSSES} losses in a network in memory, seed ${seed}`, options, async () => {
      const random = new Random(seed), numbers = new Numbers();
      const { network, server } = await serveChat({
        network: new Network({ chunkSize: [1, 5_000], latency: [0, 30], capacity: 30_000, seed }),
        websocket: numbers.websocket,
        onError: () => {},
        closeTimeout: 300,
      });
      const { clock } = network;
      const chat = numbers.open(CHAT_URL, { network, now: () => clock.now() });
      const faults: (() => void)[] = [
        () => network.reset(),
        () => void [...network.links].map((link) => link.cut()),
        () => void network.stall(random.next() * 1_000),
        () => void closeAll(server, 1001),
        () => void closeAll(server, 1000),
        () => void [...server.connections].map((own) => own.terminate()),
        () => chat.connection?.terminate(),
        () => {
          network.refuse();
          network.reset();
        },
      ];
      while (numbers.losses < LOSSES) {
        for (let at = 0; at < 4; at++) {
          numbers.send(chat, random);
          await clock.advanceByTurns(Math.floor(random.next() * 40), turn);
        }
        if (random.happens(0.7)) faults[Math.floor(random.next() * faults.length)]();
        if (random.happens(0.5)) network.restore();
      }
      network.restore();
      while (chat.state.name !== "open") await clock.pass(10);
      await clock.pass(3_000);
      chat.close();
      await clock.until(chat.closed);
      await settle();
      numbers.check();
      await clock.until(server.shutdown({ timeout: 100 }));
      await clock.pass(2_000); // what was cut off
      assert.deepEqual([network.links.size, clock.timers], [0, 0]);
    });
  }

  it("over sockets, through something that breaks them", options, async () => {
    const seed = Number(globalThis.process?.env?.FUZZ_SEED) || 3, random = new Random(seed);
    const numbers = new Numbers();
    await using server = await listen({
      hostname: "127.0.0.1",
      port: 0,
      websocket: numbers.websocket,
      onError: () => {},
      onRefused: () => {},
    });
    const sockets = new Set<Socket>();
    const between = createServer((socket) => {
      const upstream = connectTcp(server.address.port, "127.0.0.1");
      for (const [one, other] of [[socket, upstream], [upstream, socket]]) {
        sockets.add(one);
        one.on("error", () => other.destroy());
        one.on("close", () => (sockets.delete(one), other.destroy()));
        one.pipe(other);
      }
    });
    await new Promise<void>((resolve) => between.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = between.address() as { port: number };
      const chat = numbers.open(`ws://127.0.0.1:${port}/`, { now: () => performance.now() });
      while (numbers.losses < 60) {
        numbers.send(chat, random);
        await new Promise((resolve) => setTimeout(resolve, random.next() * 15));
        if (random.happens(0.7)) continue;
        const [victim] = sockets;
        if (random.happens(0.7)) victim?.destroy();
        else if (random.happens(0.5)) victim?.resetAndDestroy?.();
        else closeAll(server, 1001);
      }
      // Until all that can arrive has arrived and is confirmed.
      while (chat.state.name !== "open") await new Promise((resolve) => setTimeout(resolve, 5));
      chat.close();
      await chat.closed;
      numbers.check();
      await until("the sockets are closed", () => sockets.size === 0);
    } finally {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => between.close(resolve));
    }
  });

  it("1,000 clients come back over the whole of the window, and not at once", options, async () => {
    const { network, server } = await serveChat({ onError: () => {} });
    const times: number[] = [], { clock } = network;
    const clients = Array.from({ length: 1_000 }, () =>
      reconnecting(CHAT_URL, {
        network,
        pingInterval: Infinity,
        onReconnect: () => void times.push(clock.now()),
      }));
    while (server.connections.size < 1_000) await clock.pass(1);
    const start = clock.now();
    network.reset();
    while (times.length < 1_000) await clock.pass(50);
    assert.ok(times.every((time) => time - start <= 1_100));
    // Of 1,000 uniform numbers, about 100 are in each tenth: 60 are 4 standard deviations fewer.
    for (let tenth = 0; tenth < 10; tenth++) {
      const from = start + tenth * 100;
      const count = times.filter((time) => time > from && time <= from + 100).length;
      assert.ok(count > 50 && count < 160, `${count} in tenth ${tenth}`);
    }
    for (const chat of clients) chat.close();
    await clock.until(Promise.all(clients.map(({ closed }) => closed)));
    await clock.until(server.shutdown());
    assert.deepEqual([network.links.size, clock.timers], [0, 0]);
  });
});

/** Two turns of the event loop, which take no time: what happens in them is what matters here. */
async function turn(): Promise<void> {
  for (let at = 0; at < 2; at++) await new Promise<void>((resolve) => setImmediate(resolve));
}

function closeAll({ connections }: WebSocketServer, code: number): void {
  for (const own of connections as ReadonlySet<WebSocketConnection>) own.close(code);
}
