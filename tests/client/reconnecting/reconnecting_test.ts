/** A connection that comes back: its states, its queue, what it reports and how it ends. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ReconnectingOptions } from "../../../lib/client/reconnecting/options.ts";
import { Network, settle } from "../../../lib/testing/mod.ts";
import {
  type ConnectionHandlers,
  LimitError,
  type MessageData,
  reconnecting,
  type ReconnectingConnection,
  type ReconnectingState,
  type WebSocketConnection,
} from "../../../mod.ts";
import { CHAT_URL, serveChat, serveRaw } from "../../support/chat_server.ts";

const options = { timeout: 60_000 };

/** A client that keeps what it is called with. */
function client(network: Network, given: ReconnectingOptions = {}) {
  const states: ReconnectingState[] = [], errors: unknown[] = [];
  const unconfirmed: (readonly MessageData[])[] = [], unsent: unknown[] = [];
  const chat = reconnecting(CHAT_URL, {
    network,
    onState: (state) => void states.push(state),
    onUnconfirmed: (messages) => void unconfirmed.push(messages),
    onUnsent: (messages, reason) => void unsent.push([reason, ...messages]),
    onError: (error) => void errors.push(error),
    ...given,
  });
  return { chat, states, errors, unconfirmed, unsent };
}

/** What a server has received, over all its connections. */
function receiving(received: MessageData[]): { websocket: ConnectionHandlers } {
  return { websocket: { message: (_, data) => void received.push(data) } };
}

/** Moves on until it is in this state. */
async function until(
  { chat, network, name }: {
    chat: ReconnectingConnection;
    network: Network;
    name: ReconnectingState["name"];
  },
): Promise<void> {
  for (let at = 0; chat.state.name !== name; at++) {
    assert.ok(at < 10_000, `it stays ${chat.state.name}, and is not ${name}`);
    // At first without time: a wait may be as short as that.
    await network.clock.pass(at < 20 ? 0 : 10);
  }
}

describe("reconnecting: states", () => {
  it("connects, waits for up to a second after a loss, and connects again", options, async () => {
    const { network, server } = await serveChat();
    const { chat, states } = client(network);
    assert.equal(chat.state.name, "connecting");
    await until({ chat, network, name: "open" });
    network.reset();
    await until({ chat, network, name: "waiting" });
    const { delay = NaN, retryAt = NaN, failures, reason } = chat.state;
    assert.ok(delay >= 0 && delay <= 1_000, `${delay}`);
    assert.ok(Math.abs(retryAt - Date.now() - delay) < 60_000, `${retryAt}`);
    assert.equal(failures, 1);
    assert.equal((reason as { closeCode: number }).closeCode, 1006);
    await network.clock.pass(delay);
    await until({ chat, network, name: "open" });
    assert.deepEqual(
      states.map(({ name }) => name),
      ["connecting", "open", "waiting", "connecting", "open"],
    );
    assert.equal(server.connections.size, 1);
    chat.close(4001, "enough");
    const info = await network.clock.until(chat.closed);
    assert.deepEqual([info.sent, info.wasClean], [{ closeCode: 4001, reason: "enough" }, true]);
    assert.deepEqual([chat.state.name, chat.connection], ["closed", undefined]);
    await network.clock.until(server.shutdown());
    assert.equal(network.clock.timers, 0);
  });

  it("the longest wait doubles with each failure, up to maxRetryDelay", options, async () => {
    const network = new Network(), waits: number[] = [];
    network.refuse();
    const { chat } = client(network, {
      retryDelay: 100,
      maxRetryDelay: 1_000,
      onState: ({ name, delay }) => void (name === "waiting" && waits.push(delay!)),
    });
    while (waits.length < 400) await network.clock.pass(1_000);
    const mostOf = (at: number): number => [100, 200, 400, 800][at] ?? 1_000;
    assert.ok(waits.every((wait, at) => wait >= 0 && wait <= mostOf(at)));
    const late = waits.slice(4), mean = late.reduce((sum, wait) => sum + wait) / late.length;
    // Of so many uniform numbers: 10 standard deviations.
    assert.ok(Math.abs(mean - 500) < 150, `${mean}`);
    assert.ok(late.some((wait) => wait < 100) && late.some((wait) => wait > 900));
    chat.close();
    await chat.closed;
    assert.equal(network.clock.timers, 0);
  });

  it("failures count until a connection was open for stableTime", options, async () => {
    const { network } = await serveChat();
    const { chat, states } = client(network, { stableTime: 1_000 });
    for (const [time, failures] of [[0, 1], [900, 2], [900, 3], [1_100, 1], [0, 2]] as const) {
      await until({ chat, network, name: "open" });
      await network.clock.pass(time);
      network.reset();
      await until({ chat, network, name: "waiting" });
      assert.equal(states.at(-1)!.failures, failures, `${time}`);
    }
    chat.close();
    await chat.closed;
  });

  it("retry connects at once", options, async () => {
    const { network } = await serveChat();
    const { chat } = client(network, { retryDelay: 1e9, maxRetryDelay: 1e9 });
    await until({ chat, network, name: "open" });
    network.reset();
    await until({ chat, network, name: "waiting" });
    chat.retry();
    await settle();
    assert.equal(chat.state.name, "open");
    chat.retry(); // nothing to do
    chat.close();
    await network.clock.until(chat.closed);
  });

  it(
    "a browser that is online again, or a page that becomes visible, does the same",
    options,
    async () => {
      const { network } = await serveChat();
      const page = Object.assign(new EventTarget(), { visibilityState: "hidden" });
      const scope = globalThis as { document?: unknown };
      const browser = new EventTarget(), mine: string[] = [];
      for (const name of ["addEventListener", "removeEventListener"] as const) {
        mine.push(name);
        Object.defineProperty(globalThis, name, {
          value: browser[name].bind(browser),
          configurable: true,
        });
      }
      scope.document = page;
      try {
        const { chat } = client(network, { retryDelay: 1e9, maxRetryDelay: 1e9 });
        for (
          const wake of [() => browser.dispatchEvent(new Event("online")), () => {
            page.dispatchEvent(new Event("visibilitychange"));
            assert.equal(chat.state.name, "waiting"); // it is hidden
            page.visibilityState = "visible";
            page.dispatchEvent(new Event("visibilitychange"));
          }]
        ) {
          await until({ chat, network, name: "open" });
          network.reset();
          await until({ chat, network, name: "waiting" });
          wake();
          await settle();
          assert.equal(chat.state.name, "open");
        }
        chat.close();
        await network.clock.until(chat.closed);
      } finally {
        for (const name of mine) Reflect.deleteProperty(globalThis, name);
        delete scope.document;
      }
    },
  );

  it("url, protocols and headers may be functions, called for each attempt", options, async () => {
    const seen: unknown[] = [];
    const { network } = await serveChat({
      handshake: ({ url, headers }) => {
        seen.push([url, headers.get("authorization"), headers.get("sec-websocket-protocol")]);
        return {};
      },
    });
    let count = 0;
    const chat = reconnecting(() => `${CHAT_URL}${++count}`, {
      network,
      protocols: () => ["chat", `v${count}`],
      headers: async () => ({ authorization: await Promise.resolve(`token ${count}`) }),
    });
    for (let at = 0; at < 2; at++) {
      await until({ chat, network, name: "open" });
      network.reset();
      await until({ chat, network, name: "waiting" });
    }
    chat.close();
    await chat.closed;
    const of = (at: number) => [`http://chat.example/${at}`, `token ${at}`, `chat, v${at}`];
    assert.deepEqual(seen, [of(1), of(2)]);
  });

  it(
    "one that throws, or does not return in handshakeTimeout, is a failed attempt",
    options,
    async () => {
      const { network } = await serveChat(), reasons: unknown[] = [];
      let count = 0;
      const chat = reconnecting(() => {
        count++;
        if (count === 1) throw new TypeError("no network");
        if (count === 2) return Promise.reject("a text");
        return count === 3 ? new Promise<string>(() => {}) : CHAT_URL;
      }, {
        network,
        handshakeTimeout: 500,
        onState: ({ name, reason }) => void (name === "waiting" && reasons.push(reason)),
      });
      await until({ chat, network, name: "open" });
      const [first, second, third] = reasons as Error[];
      assert.deepEqual([first.message, second.message], ["no network", "a text"]);
      assert.match(third.message, /did not return within 500 ms \(handshakeTimeout\)/);
      chat.close();
      await network.clock.until(chat.closed);
      assert.equal(reasons.length, 3);
    },
  );
});

describe("reconnecting: what is sent", () => {
  it("waits in order while there is no connection", options, async () => {
    const received: MessageData[] = [], { network } = await serveChat(receiving(received));
    network.refuse();
    const { chat, unconfirmed } = client(network), bytes = Uint8Array.of(1, 2);
    assert.equal(chat.send("first"), true);
    chat.send(bytes);
    bytes.fill(9);
    chat.send(new DataView(Uint8Array.of(3, 4, 5).buffer, 1));
    await until({ chat, network, name: "waiting" });
    assert.deepEqual([received, chat.bufferedAmount], [[], 5 + 2 + 2 + 3 * 256]);
    network.restore();
    await until({ chat, network, name: "open" });
    await settle();
    assert.deepEqual(received, ["first", Uint8Array.of(1, 2), Uint8Array.of(4, 5)]);
    chat.send("second");
    network.reset();
    await until({ chat, network, name: "waiting" });
    chat.send("third");
    await until({ chat, network, name: "open" });
    await settle();
    assert.deepEqual(received.at(-1), "third");
    assert.deepEqual(unconfirmed, [["second"]]);
    chat.close();
    await network.clock.until(chat.closed);
  });

  it("counts as arrived by the pong of a later ping, at most five a second", options, async () => {
    const { network, listener } = await serveRaw();
    const { chat, unconfirmed } = client(network, { pingInterval: Infinity });
    const peer = await listener.accept();
    await peer.upgrade();
    await settle();
    chat.send("a");
    assert.equal((await peer.expectFrame({ opcode: 1, payload: "a" })).opcode, 1);
    await network.clock.pass(1); // the first ping comes at once
    const { payload } = await peer.expectFrame({ opcode: 9 });
    chat.send("b");
    await peer.expectFrame({ opcode: 1, payload: "b" });
    peer.send({ opcode: 10, payload });
    await settle();
    await network.clock.pass(190);
    assert.equal(peer.received.length, 0);
    await network.clock.pass(10);
    await peer.expectFrame({ opcode: 9 }); // and has no answer
    await network.clock.pass(3_000);
    assert.equal(peer.received.length, 0);
    network.reset();
    await until({ chat, network, name: "waiting" });
    assert.deepEqual(unconfirmed, [["b"]]);
    chat.close();
    await chat.closed;
    assert.equal(network.clock.timers, 0);
  });

  it("sends no ping while all is confirmed", options, async () => {
    const { network, listener } = await serveRaw();
    const { chat } = client(network, { pingInterval: Infinity });
    const peer = await listener.accept();
    await peer.upgrade();
    await network.clock.pass(60_000);
    assert.equal(peer.received.length, 0);
    chat.close();
    peer.end();
    await network.clock.until(chat.closed);
  });

  it(
    "close waits for the pong that confirms all, and a Close confirms nothing",
    options,
    async () => {
      for (const way of ["answers", "closes", "is silent"]) {
        const { network, listener } = await serveRaw();
        const { chat, unconfirmed } = client(network, { closeTimeout: 1_000 });
        const peer = await listener.accept(), payload = Uint8Array.of(3, 232);
        await peer.upgrade();
        await settle();
        chat.send("last");
        chat.close();
        await peer.expectFrame({ opcode: 1, payload: "last" });
        const ping = await peer.expectFrame({ opcode: 9 });
        await settle();
        assert.equal(peer.received.length, 0);
        if (way === "answers") peer.send({ opcode: 10, payload: ping.payload });
        if (way === "is silent") await network.clock.pass(1_000);
        else peer.send({ opcode: 8, payload });
        await peer.expectFrame({ opcode: 8, payload });
        peer.send({ opcode: 8, payload });
        peer.end();
        const { closeCode } = await network.clock.until(chat.closed);
        assert.deepEqual([closeCode, unconfirmed], [1000, way === "answers" ? [] : [["last"]]]);
      }
    },
  );

  it("what is handed to a socket keeps below its mark", options, async () => {
    const { network, listener } = await serveRaw(new Network({ capacity: 1_000 }));
    const { chat } = client(network, { sendHighWaterMark: 10_000 });
    const peer = await listener.accept();
    await peer.upgrade();
    await settle();
    peer.pause();
    for (let at = 0; at < 100; at++) chat.send("x".repeat(1_000));
    await settle();
    const { bufferedAmount } = chat.connection!;
    assert.ok(bufferedAmount <= 12_000, `${bufferedAmount}`);
    let isReady = false;
    const ready = chat.ready.then(() => isReady = true);
    await settle();
    assert.equal(isReady, false);
    peer.resume();
    await network.clock.until(ready);
    chat.close();
    const opcodes: number[] = [];
    while (opcodes.at(-1) !== 8) {
      const { opcode, payload } = await peer.readFrame();
      if (opcode === 9) peer.send({ opcode: 10, payload });
      else opcodes.push(opcode);
    }
    assert.deepEqual(opcodes, [...Array(100).fill(1), 8]); // the Close is behind what waited
    peer.end();
    await network.clock.until(chat.closed);
  });

  it("has no room beyond maxQueueSize: throws, or drops the oldest", options, async () => {
    const network = new Network();
    network.refuse();
    const { chat, unsent } = client(network, { maxQueueSize: 1_000 });
    for (const text of ["a", "b", "c"]) chat.send(text);
    assert.throws(() => chat.send("d"), (error) => {
      assert.ok(error instanceof LimitError);
      assert.deepEqual([error.option, error.limit, error.actual], ["maxQueueSize", 1_000, 1_028]);
      return true;
    });
    chat.close();
    await chat.closed;
    assert.deepEqual(unsent, [["closed", "a", "b", "c"]]);

    const other = client(network, { maxQueueSize: 1_000, whenFull: "drop-oldest" });
    for (const text of ["a", "b", "c", "d", "x".repeat(5_000)]) other.chat.send(text);
    assert.deepEqual(other.unsent, [["dropped", "a"], ["dropped", "b", "c", "d"]]);
    other.chat.close();
    await other.chat.closed;
  });

  it("stops handing over while too much is not confirmed", options, async () => {
    const { network, listener } = await serveRaw();
    const { chat } = client(network, { maxQueueSize: 10_000, pingInterval: Infinity });
    const peer = await listener.accept();
    await peer.upgrade();
    await settle();
    for (let at = 0; at < 12; at++) chat.send("x".repeat(1_000));
    await network.clock.pass(1);
    for (let at = 0; at < 8; at++) await peer.expectFrame({ opcode: 1 });
    const { payload } = await peer.expectFrame({ opcode: 9 });
    await settle();
    assert.equal(peer.received.length, 0);
    peer.send({ opcode: 10, payload });
    for (let at = 0; at < 4; at++) await peer.expectFrame({ opcode: 1 });
    chat.close();
    peer.end();
    await network.clock.until(chat.closed);
  });

  it("refuses what cannot be kept, and other types", options, async () => {
    const { network } = await serveChat(), { chat } = client(network);
    for (const source of [new Blob(["a"]), new Blob(["a"]).stream()]) {
      assert.throws(() => chat.send(source as never), /cannot keep what is read in pieces/);
    }
    for (const data of [1, null, undefined, {}]) {
      assert.throws(() => chat.send(data as never), TypeError);
    }
    chat.close();
    assert.equal(chat.send("late"), false);
    await network.clock.until(chat.closed);
    assert.equal(chat.send("later"), false);
  });

  it("onReconnect comes before what waits, and is waited for", options, async () => {
    const received: MessageData[] = [], { network } = await serveChat(receiving(received));
    const { promise, resolve } = Promise.withResolvers<void>(), back: WebSocketConnection[] = [];
    const { chat } = client(network, {
      onReconnect: async (connection) => {
        back.push(connection);
        connection.send("subscribe");
        await promise;
        connection.send("subscribed");
      },
    });
    chat.send("first");
    await until({ chat, network, name: "open" });
    network.reset();
    await until({ chat, network, name: "waiting" });
    chat.send("queued");
    await until({ chat, network, name: "open" });
    await settle();
    assert.deepEqual([received, back], [["first", "subscribe"], [chat.connection]]);
    resolve();
    await settle();
    assert.deepEqual(received, ["first", "subscribe", "subscribed", "queued"]);
    chat.close();
    await network.clock.until(chat.closed);
  });
});

describe("reconnecting: what comes", () => {
  it("the messages of all connections, one after the other", options, async () => {
    const { network, server } = await serveChat({ websocket: () => {} });
    const { chat } = client(network), seen: MessageData[] = [];
    const reading = (async () => {
      for await (const message of chat) seen.push(message);
    })();
    for (let at = 0; at < 3; at++) {
      await until({ chat, network, name: "open" });
      for (const own of server.connections as ReadonlySet<WebSocketConnection>) own.send(`${at}`);
      await settle();
      network.reset();
      await until({ chat, network, name: "waiting" });
    }
    chat.close();
    await reading;
    assert.deepEqual(seen, ["0", "1", "2"]);
    await assert.rejects(chat.receive(), { name: "ConnectionClosedError" });
  });

  it("a reader that is slow makes the peer wait, and loses nothing", options, async () => {
    const { network, server } = await serveChat({
      network: new Network({ capacity: 1_000 }),
      websocket: () => {},
      onError: () => {},
    });
    const { chat } = client(network, { receiveHighWaterMark: 2_000 });
    await until({ chat, network, name: "open" });
    const [own] = server.connections as ReadonlySet<WebSocketConnection>;
    for (let at = 0; at < 50; at++) own.send(`${at} ${"x".repeat(500)}`);
    await settle();
    assert.ok(own.bufferedAmount > 20_000, `${own.bufferedAmount}`);
    own.terminate();
    await network.clock.pass(60_000);
    assert.equal(chat.state.name, "open"); // what had come is not yet taken
    const seen: number[] = [];
    const reading = (async () => {
      for await (const message of chat) seen.push(parseInt(String(message)));
    })();
    await until({ chat, network, name: "waiting" });
    await until({ chat, network, name: "open" });
    chat.close();
    await network.clock.until(reading);
    assert.deepEqual(seen, seen.map((_, at) => at));
    assert.ok(seen.length >= 3, `${seen.length}`);
  });

  it("as a pair of streams", options, async () => {
    const { network } = await serveChat(), { chat } = client(network);
    const writer = chat.writable.getWriter(), reader = chat.readable.getReader();
    await writer.write("a");
    assert.equal((await network.clock.until(reader.read())).value, "a");
    network.reset();
    await until({ chat, network, name: "waiting" });
    const writing = writer.write("b");
    assert.equal((await network.clock.until(reader.read())).value, "b");
    await writing;
    const closing = writer.close();
    assert.equal((await network.clock.until(reader.read())).done, true);
    await network.clock.until(closing);
    assert.equal((await chat.closed).closeCode, 1000);
  });

  it("discard drops what waits and what comes", options, async () => {
    const { network, server } = await serveChat({ websocket: () => {} });
    const { chat } = client(network, { receiveHighWaterMark: 300 });
    await until({ chat, network, name: "open" });
    const [own] = server.connections as ReadonlySet<WebSocketConnection>;
    own.send("x".repeat(1_000));
    await settle();
    chat.discard();
    own.send("x".repeat(1_000));
    assert.equal(typeof await network.clock.until(own.ping()), "number");
    chat.close();
    await network.clock.until(chat.closed);
    await assert.rejects(chat.receive());
  });
});

describe("reconnecting: the heartbeat", () => {
  const heartbeat = {
    message: () => "ping",
    isAnswer: (message: MessageData) => message === "pong",
    interval: 1_000,
    timeout: 500,
  };

  it("finds a dead link, and its answers are not passed on", options, async () => {
    let answers = true;
    const { network } = await serveChat({
      websocket: {
        message: (own, data) => void (answers && own.send(data === "ping" ? "pong" : data)),
      },
    });
    const { chat, states } = client(network, { heartbeat, pingInterval: Infinity });
    await until({ chat, network, name: "open" });
    await network.clock.pass(10_000);
    chat.send("Hello");
    assert.equal(await chat.receive(), "Hello");
    assert.equal(states.length, 2);
    answers = false;
    await network.clock.pass(1_550);
    assert.equal(states[2]?.name, "waiting"); // and it may be connected again
    answers = true;
    await until({ chat, network, name: "open" });
    chat.send("again");
    await settle();
    assert.equal(await chat.receive(), "again");
    network.cut();
    await network.clock.pass(1_600);
    assert.notEqual(chat.state.name, "open");
    network.restore();
    await until({ chat, network, name: "open" });
    chat.close();
    await network.clock.until(chat.closed);
    assert.equal(network.clock.timers, 0);
  });

  it("does not beat while nothing is read", options, async () => {
    const beats: MessageData[] = [];
    const { network, server } = await serveChat(receiving(beats));
    const { chat } = client(network, {
      heartbeat: { ...heartbeat, timeout: Infinity },
      pingInterval: Infinity,
      receiveHighWaterMark: 300,
    });
    await until({ chat, network, name: "open" });
    const [own] = server.connections as ReadonlySet<WebSocketConnection>;
    own.send("x".repeat(1_000));
    await network.clock.pass(5_000);
    assert.deepEqual(beats, []);
    assert.equal(String(await chat.receive()).length, 1_000);
    await network.clock.pass(5_000);
    assert.deepEqual(beats, ["ping"]); // there is no answer to wait for
    chat.close();
    await network.clock.until(chat.closed);
  });

  it("what throws in it is reported, and ends nothing", options, async () => {
    const { network } = await serveChat();
    const { chat, errors } = client(network, {
      heartbeat: {
        message: "ping",
        isAnswer: (message) => {
          if (message === "bad") throw new Error("a fault of isAnswer");
          return message === "ping";
        },
      },
    });
    chat.send("bad");
    await until({ chat, network, name: "open" });
    assert.equal(await chat.receive(), "bad");
    await network.clock.pass(100_000);
    assert.equal(chat.state.name, "open");
    assert.deepEqual(errors.map((error) => (error as Error).message), ["a fault of isAnswer"]);
    chat.close();
    await network.clock.until(chat.closed);
  });
});

describe("reconnecting: the end", () => {
  const ends: [string, number, ReconnectingOptions["stayAway"] | undefined, boolean][] = [
    ["1008 by default", 1008, undefined, true],
    ["1000 not by default", 1000, undefined, false],
    ["1001 not by default", 1001, undefined, false],
    ["a chosen code", 4003, [1008, 4003], true],
    ["another code than the chosen", 4004, [4003], false],
    ["1008 where it is not chosen", 1008, [], false],
    ["what a function says", 4004, (end) => "closeCode" in end && end.closeCode === 4004, true],
    ["what it says not", 4003, (end) => "closeCode" in end && end.closeCode === 4004, false],
  ];
  for (const [what, code, stayAway, isEnd] of ends) {
    it(`codes to stay away: ${what}`, options, async () => {
      const { network, server } = await serveChat();
      const { chat, unsent } = client(network, stayAway && { stayAway });
      const reading = chat.receive().catch((error) => error);
      await until({ chat, network, name: "open" });
      for (const own of server.connections as ReadonlySet<WebSocketConnection>) {
        own.close(code, "why");
      }
      await until({ chat, network, name: isEnd ? "closed" : "waiting" });
      if (isEnd) {
        assert.deepEqual([(await reading).closeCode, (await reading).reason], [code, "why"]);
        assert.deepEqual((await chat.closed).received, { closeCode: code, reason: "why" });
        assert.equal(chat.send("a"), false);
      } else {
        chat.send("waits");
        chat.close(4001);
        assert.equal((await chat.closed).closeCode, 4001);
        assert.equal((await reading).closeCode, 4001);
        assert.deepEqual(unsent, [["closed", "waits"]]);
      }
    });
  }

  it("a limit of its own with 1008 is no reason to stay away", options, async () => {
    const { network, listener } = await serveRaw(new Network({ capacity: 100 }));
    const { chat, unconfirmed } = client(network, {
      sendTimeout: 1_000,
      pingInterval: Infinity,
      retryDelay: 1e6,
      maxRetryDelay: 1e6,
    });
    const peer = await listener.accept();
    await peer.upgrade();
    await settle();
    peer.pause();
    chat.send("x".repeat(1_000));
    await until({ chat, network, name: "waiting" });
    assert.equal(unconfirmed.length, 1);
    chat.close();
    await chat.closed;
  });

  it("a function decides about refusals as well", options, async () => {
    const { network } = await serveChat({ handshake: () => new Response("No", { status: 401 }) });
    const { chat } = client(network, {
      stayAway: (end) => "status" in end && end.status === 401,
    });
    const { closeCode, error } = await network.clock.until(chat.closed);
    assert.deepEqual([closeCode, (error as unknown as { status: number }).status], [1006, 401]);
    await assert.rejects(chat.receive(), { name: "ConnectionClosedError", error });
  });

  it("the signal ends it in every state, with its reason", options, async () => {
    for (const name of ["connecting", "open", "waiting"] as const) {
      const { network, server } = await serveChat();
      if (name === "waiting") network.refuse();
      const controller = new AbortController(), reason = new Error("enough");
      const { chat, unsent } = client(network, { signal: controller.signal });
      await until({ chat, network, name });
      if (name !== "open") chat.send("waits");
      controller.abort(reason);
      const info = await network.clock.until(chat.closed);
      assert.deepEqual([info.closeCode, info.error], [1006, reason]);
      assert.deepEqual(unsent, name === "open" ? [] : [["closed", "waits"]]);
      await assert.rejects(async () => {
        for await (const _ of chat);
      }, { cause: reason });
      await network.clock.until(server.shutdown());
      assert.deepEqual([network.clock.timers, network.links.size], [0, 0]);
    }
    const { chat } = client(new Network(), { signal: AbortSignal.abort(new Error("before")) });
    assert.equal((await chat.closed).error?.message, "before");
  });

  for (const way of ["close", "abort"] as const) {
    for (const name of ["connecting", "open", "waiting"] as const) {
      it(`${way} within onState, at ${name}`, options, async () => {
        const { network, server } = await serveChat(), controller = new AbortController();
        const { chat } = client(network, {
          signal: controller.signal,
          onState: (state) => {
            if (state.name === "open" && name === "waiting") queueMicrotask(() => network.reset());
            if (state.name !== name) return;
            if (way === "close") chat.close();
            else controller.abort(new Error("enough"));
          },
        });
        await settle();
        const { closeCode } = await network.clock.until(chat.closed);
        assert.equal(closeCode, way === "close" ? 1000 : 1006);
        assert.ok(network.clock.now() < 1_000, `${network.clock.now()} ms`);
        await network.clock.until(server.shutdown());
        assert.deepEqual([network.links.size, network.clock.timers], [0, 0]);
      });
    }
  }

  it("close ends it though nobody has read what came, and the peer has gone", options, async () => {
    const { network, server } = await serveChat({ websocket: () => {} });
    const { chat } = client(network, { receiveHighWaterMark: 1_000 });
    await until({ chat, network, name: "open" });
    const [own] = server.connections as ReadonlySet<WebSocketConnection>;
    for (let at = 0; at < 20; at++) own.send("x".repeat(500));
    await settle();
    own.terminate();
    await network.clock.pass(100);
    chat.close();
    await network.clock.until(chat.closed);
    assert.equal(String(await chat.receive()).length, 500); // what came can still be read
  });

  it("an option that can never work ends it, and is reported", options, async () => {
    const { network } = await serveChat();
    const { chat, errors } = client(network, { tls: { caCerts: "no list" as never } });
    const { error } = await chat.closed;
    assert.match(error!.message, /tls\.caCerts must be a list/);
    assert.deepEqual(errors, [error]);
  });

  it("close before anything was opened, twice, and with invalid codes", options, async () => {
    const { network } = await serveChat(), { chat, states } = client(network);
    assert.throws(() => chat.close(1006), RangeError);
    chat.close(4001, "one");
    chat.close(4002, "two");
    const { closeCode, reason } = await chat.closed;
    assert.deepEqual([closeCode, reason], [4001, "one"]);
    assert.equal(states.at(-1)!.name, "closed");
    await settle();
    assert.deepEqual([network.links.size, network.clock.timers], [0, 0]);
    await chat[Symbol.asyncDispose]();
  });

  it("a handler that throws is reported, and nothing else", options, async () => {
    const { network } = await serveChat(), errors: string[] = [];
    const fail = (name: string) => (): never => {
      throw new Error(name);
    };
    const chat = reconnecting(CHAT_URL, {
      network,
      onState: fail("onState"),
      onReconnect: () => Promise.reject(new Error("onReconnect")),
      onUnconfirmed: fail("onUnconfirmed"),
      onUnsent: fail("onUnsent"),
      stayAway: fail("stayAway"),
      onError: (error) => void errors.push((error as Error).message),
    });
    await until({ chat, network, name: "open" });
    chat.send("lost");
    network.reset();
    await until({ chat, network, name: "waiting" });
    await until({ chat, network, name: "open" });
    network.reset();
    await until({ chat, network, name: "waiting" });
    chat.send("kept");
    chat.close();
    await chat.closed;
    await settle();
    assert.deepEqual(
      [...new Set(errors)].sort(),
      ["onReconnect", "onState", "onUnconfirmed", "onUnsent", "stayAway"],
    );
  });

  it("unknown and invalid options are errors at once", () => {
    const refuses = (given: object, error: RegExp | object): void => {
      assert.throws(() => reconnecting(CHAT_URL, given), error);
    };
    refuses({ retryDelai: 1 }, /retryDelai is not an option; did you mean retryDelay\?/);
    refuses({ websocket: {} }, /websocket is not an option of reconnecting: iterate over it/);
    refuses({ messages: "stream" }, /messages are whole/);
    refuses({ maxBufferedAmount: 1 }, /did you mean maxQueueSize/);
    refuses({ retryDelay: -1 }, RangeError);
    refuses({ maxRetryDelay: "1" }, TypeError);
    refuses({ stayAway: 1008 }, /stayAway must be a list of close codes or a function, got number/);
    refuses({ whenFull: "drop" }, /"throw" or "drop-oldest"/);
    refuses({ onState: 1 }, /onState must be a function/);
    refuses({ signal: 1 }, /signal must be an AbortSignal/);
    refuses({ heartbeat: {} }, /heartbeat needs message and isAnswer/);
    refuses({ heartbeat: { message: "a", isAnswer: () => true, interval: 0 } }, RangeError);
    refuses({ heartbeat: { message: "a", isAnswer: () => true, every: 1 } }, /heartbeat\.every/);
    refuses({ protocols: "a b" }, { name: "SyntaxError" });
    assert.throws(() => reconnecting("ftp://chat.example"), { name: "SyntaxError" });
    assert.throws(() => reconnecting(CHAT_URL, "chat" as never), /must be an object/);
  });
});
