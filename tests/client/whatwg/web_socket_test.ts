/** The class WebSocket, step by step of the WebSockets standard (section numbers are those of 26 May 2025). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { listen } from "../../../lib/server/mod.ts";
import { CHAT_URL, serveChat, serveRaw } from "../../support/chat_server.ts";
import { Network, type RawPeer, settle } from "../../../lib/testing/mod.ts";
import { type CloseEvent, MessageEvent } from "../../../lib/client/whatwg/events.ts";
import { WebSocket } from "../../../lib/client/whatwg/classes.ts";
import type { WebSocketOptions } from "../../../lib/client/whatwg/web_socket.ts";
import type { WebSocketConnection } from "../../../mod.ts";

const options = { timeout: 60_000 };

/** Resolves with the next event of a type. */
function next<Type extends Event = Event>(socket: WebSocket, type: string): Promise<Type> {
  return new Promise((resolve) => {
    socket.addEventListener(type, (event) => resolve(event as Type), { once: true });
  });
}

/** An open socket. */
async function open(
  network: Network,
  given: WebSocketOptions = {},
): Promise<{ socket: WebSocket; log: string[] }> {
  const socket = new WebSocket(CHAT_URL, { network, ...given }), log: string[] = [];
  for (const type of ["open", "message", "error", "close"]) {
    socket.addEventListener(type, (event) => {
      const { data } = event as MessageEvent, { code, wasClean, reason } = event as CloseEvent;
      const more = type === "message"
        ? ` ${data}`
        : type === "close"
        ? ` ${code} ${reason} ${wasClean}`
        : "";
      log.push(type + more);
    });
  }
  await next(socket, "open");
  return { socket, log };
}

/** A raw server, and a socket that is open on it. */
async function openRaw(): Promise<{ socket: WebSocket; peer: RawPeer; log: string[] }> {
  const { network, listener } = await serveRaw();
  const opening = open(network), peer = await listener.accept();
  await peer.upgrade();
  return { ...await opening, peer };
}

describe("3.1 the interface", () => {
  it("has the constants on the class and on the prototype, not writable", () => {
    const states = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 };
    for (const [name, value] of Object.entries(states)) {
      for (const holder of [WebSocket, WebSocket.prototype]) {
        const descriptor = Object.getOwnPropertyDescriptor(holder, name);
        assert.deepEqual(descriptor, {
          value,
          writable: false,
          enumerable: true,
          configurable: false,
        });
      }
    }
  });

  it("has enumerable attributes and methods on the prototype, with the lengths of Web IDL", () => {
    const names: string[] = [];
    for (const name in WebSocket.prototype) names.push(name);
    for (
      const name of [
        "url",
        "readyState",
        "bufferedAmount",
        "onopen",
        "onerror",
        "onclose",
        "extensions",
        "protocol",
        "close",
        "onmessage",
        "binaryType",
        "send",
      ]
    ) {
      assert.ok(names.includes(name), name);
      const descriptor = Object.getOwnPropertyDescriptor(WebSocket.prototype, name)!;
      assert.equal(descriptor.configurable, true, name);
    }
    assert.equal(WebSocket.prototype.send.length, 1);
    assert.equal(WebSocket.prototype.close.length, 0);
    assert.equal((WebSocket as unknown as { name: string }).name, "WebSocket");
    assert.equal((WebSocket as unknown as { length: number }).length, 1);
    assert.equal(
      Object.prototype.toString.call(WebSocket.prototype),
      "[object WebSocket]",
    );
    assert.equal("then" in WebSocket.prototype, false);
    assert.equal(Object.hasOwn(WebSocket.prototype, "addEventListener"), false);
    assert.throws(() => Reflect.apply(WebSocket as never, undefined, [CHAT_URL]), TypeError);
  });

  it("refuses another object in place of this", () => {
    const getter = Object.getOwnPropertyDescriptor(WebSocket.prototype, "url")!.get!;
    assert.throws(() => getter.call({}), TypeError);
    assert.throws(() => WebSocket.prototype.send.call({} as never, ""), TypeError);
  });

  it("allows properties of a user's own", async () => {
    const { network } = await serveChat();
    const { socket } = await open(network);
    (socket as unknown as { timeout: number }).timeout = 5;
    assert.equal((socket as unknown as { timeout: number }).timeout, 5);
    socket.close();
  });
});

describe("3.1 the constructor", () => {
  it("maps http and https, and refuses other schemes, fragments and invalid URLs", async () => {
    const network = new Network();
    const urls: [string | URL, string][] = [
      ["ws://a.example", "ws://a.example/"],
      ["http://a.example/b?c", "ws://a.example/b?c"],
      ["https://a.example/", "wss://a.example/"],
      [new URL("wss://a.example:444/"), "wss://a.example:444/"],
      ["WS://A.example:80/\u00fc", "ws://a.example/%C3%BC"],
    ];
    for (const [given, url] of urls) {
      const socket = new WebSocket(given, { network });
      assert.deepEqual([socket.url, socket.readyState], [url, 0]);
      await next(socket, "close");
    }
    for (
      const given of ["ws://a.example/#", "ftp://a.example", "mailto:a@b", "ws://", "ws://a b/"]
    ) {
      assert.throws(() => new WebSocket(given), { name: "SyntaxError" });
    }
    assert.throws(() => Reflect.construct(WebSocket, []), TypeError);
  });

  it("refuses subprotocols that are repeated, or are not tokens", () => {
    for (const protocols of [["a", "a"], ["a b"], [""], "", "a,b", ["é"], [null, "null"]]) {
      const create = () => new WebSocket(CHAT_URL, protocols as string[]);
      assert.throws(create, { name: "SyntaxError" });
    }
  });

  it("converts subprotocols as Web IDL does, and takes options in their place", async () => {
    const { network } = await serveChat();
    const { socket } = await open(network, { protocols: "chat" });
    assert.equal(socket.protocol, "chat");
    const create = (given: object) => () => new WebSocket(CHAT_URL, given);
    assert.throws(
      create({ protocol: "chat" }),
      /protocol is not an option; did you mean protocols\?/,
    );
    assert.throws(create({ websocket: {} }), /websocket is an option of connect alone/);
    assert.throws(create({ messages: "stream" }), /messages is an option of connect/);
  });

  it("is not yet open when it returns, whatever the server does", async () => {
    const { network } = await serveChat();
    const socket = new WebSocket(CHAT_URL, { network });
    assert.deepEqual(
      [socket.readyState, socket.protocol, socket.extensions, socket.bufferedAmount],
      [0, "", "", 0],
    );
    assert.equal(socket.binaryType, "blob");
    assert.throws(() => socket.send("early"), { name: "InvalidStateError" });
    const event = await next(socket, "open");
    assert.deepEqual([event.constructor, event.target, socket.readyState], [Event, socket, 1]);
    socket.close();
  });

  it("fails when subprotocols were offered and none was chosen", async () => {
    const { network, server } = await serveChat();
    const socket = new WebSocket(CHAT_URL, { network, protocols: ["soap"] }), log: string[] = [];
    for (const type of ["open", "error", "close"]) {
      socket.addEventListener(type, () => log.push(type));
    }
    const { code, wasClean } = await next<CloseEvent>(socket, "close");
    assert.deepEqual([log, code, wasClean], [["error", "close"], 1006, false]);
    await settle();
    assert.equal(server.connections.size, 0);
  });

  it("reports nothing of why it did not connect: error, then close with 1006", async () => {
    const socket = new WebSocket("ws://nobody.example/", { network: new Network() });
    const log: unknown[] = [];
    socket.onerror = (event) => log.push([event.type, event.constructor, socket.readyState]);
    socket.onclose = ({ code, reason, wasClean }) => log.push([code, reason, wasClean]);
    await next(socket, "close");
    assert.deepEqual(log, [["error", Event, 3], [1006, "", false]]);
  });
});

describe("3.1 send", () => {
  it("sends text and bytes, and counts them until they have left", options, async () => {
    const { network } = await serveChat();
    const { socket } = await open(network);
    socket.binaryType = "arraybuffer";
    const bytes = Uint8Array.of(1, 2, 3, 4);
    const given: [unknown, unknown][] = [
      ["Gr\u00fc\u00dfe \u{1f600}", "Gr\u00fc\u00dfe \u{1f600}"],
      ["\ud800", "\ufffd"],
      [bytes, [1, 2, 3, 4]],
      [bytes.subarray(1, 3), [2, 3]],
      [new DataView(bytes.buffer, 1, 1), [2]],
      [bytes.buffer, [1, 2, 3, 4]],
      [new Blob(["blob"]), [98, 108, 111, 98]],
      ["behind the blob", "behind the blob"],
      [null, "null"],
      [12, "12"],
      [{}, "[object Object]"],
      ["", ""],
      [new ArrayBuffer(0), []],
    ];
    const received: unknown[] = [];
    const all = new Promise<void>((resolve) => {
      socket.onmessage = ({ data }): void => {
        received.push(data instanceof ArrayBuffer ? [...new Uint8Array(data)] : data);
        if (received.length === given.length) resolve();
      };
    });
    for (const [data] of given) socket.send(data as string);
    const size = 12 + 3 + 4 + 2 + 1 + 4 + 4 + 15 + 4 + 2 + 15;
    assert.equal(socket.bufferedAmount, size);
    await all;
    assert.deepEqual(received, given.map(([, expected]) => expected));
    assert.equal(socket.bufferedAmount, 0);
    assert.throws(() => (socket.send as () => void)(), TypeError);
    socket.close();
  });

  it("after close drops what is sent, and counts it for ever", options, async () => {
    const { network } = await serveChat();
    const { socket } = await open(network);
    socket.close();
    socket.send("\u00fc");
    socket.send(new Uint8Array(5));
    socket.send(new Blob(["abc"]));
    assert.equal(socket.bufferedAmount, 10);
    await next(socket, "close");
    socket.send("a");
    assert.equal(socket.bufferedAmount, 11);
  });
});

describe("3.1 close", () => {
  it("checks the code and the reason before anything else", options, async () => {
    const { network } = await serveChat();
    const { socket } = await open(network);
    for (const code of [0, 999, 1001, 1005, 2999, 5000, 65_536 + 1000, NaN, null, "1001", {}]) {
      assert.throws(() => socket.close(code as number), { name: "InvalidAccessError" });
    }
    assert.throws(() => socket.close(1000, "\u00fc".repeat(62)), { name: "SyntaxError" });
    assert.equal(socket.readyState, 1);
    socket.close(1000, "\u00fc".repeat(61) + "a");
    assert.equal(socket.readyState, 2);
    socket.close(3000); // a second call does nothing
    assert.throws(() => socket.close(1001), { name: "InvalidAccessError" });
    const { code } = await next<CloseEvent>(socket, "close");
    assert.equal(code, 1000);
  });

  it(
    "converts the code by [Clamp]: to the nearest whole number, halves to the even one",
    options,
    async () => {
      for (
        const [given, code] of [[3000.4, 3000], [3000.5, 3000], [3001.5, 3002], ["3005", 3005]]
      ) {
        const { peer, socket } = await openRaw();
        socket.close(given as number);
        await peer.expectFrame({
          opcode: 8,
          payload: Uint8Array.of(Number(code) >> 8, Number(code)),
        });
        peer.end();
      }
    },
  );

  it(
    "without arguments sends a Close without a body, with a reason alone 1000",
    options,
    async () => {
      const given: [[code?: number, reason?: string], number[]][] = [
        [[], []],
        [[undefined], []],
        [[undefined, "a"], [3, 232, 97]],
        [[4001], [15, 161]],
        [[4001, ""], [15, 161]],
      ];
      for (const [args, payload] of given) {
        const { peer, socket } = await openRaw();
        socket.close(...args);
        await peer.expectFrame({ opcode: 8, payload: Uint8Array.from(payload) });
        peer.end();
      }
    },
  );

  it("while connecting fails the connection: no open, then error and close", options, async () => {
    const { network, server } = await serveChat();
    const socket = new WebSocket(CHAT_URL, { network }), log: string[] = [];
    for (const type of ["open", "error"]) socket.addEventListener(type, () => log.push(type));
    socket.close();
    assert.deepEqual([socket.readyState, log], [2, []]);
    const { code } = await next<CloseEvent>(socket, "close");
    assert.deepEqual([code, log, socket.readyState], [1006, ["error"], 3]);
    await settle();
    assert.equal(server.connections.size, 0);
  });
});

describe("4 feedback from the protocol", () => {
  it("messages come as MessageEvents with the origin of the URL", options, async () => {
    const { socket, peer } = await openRaw();
    peer.send({ payload: "Hello" });
    const event = await next<MessageEvent>(socket, "message");
    assert.ok(event instanceof MessageEvent);
    assert.deepEqual([event.data, event.origin, event.bubbles, event.cancelable], [
      "Hello",
      "ws://chat.example",
      false,
      false,
    ]);
    socket.close();
    peer.end();
  });

  it(
    "bytes are a Blob, an ArrayBuffer or a Buffer, as binaryType is when they are given",
    options,
    async () => {
      const { socket, peer } = await openRaw();
      const got = async (): Promise<unknown> => {
        peer.send({ payload: Uint8Array.of(1, 2) });
        return (await next<MessageEvent>(socket, "message")).data;
      };
      const blob = await got() as Blob;
      assert.deepEqual([...new Uint8Array(await blob.arrayBuffer())], [1, 2]);
      assert.deepEqual([blob.constructor, blob.type], [Blob, ""]);
      socket.binaryType = "arraybuffer";
      (socket as { binaryType: string }).binaryType = "nonsense";
      assert.equal(socket.binaryType, "arraybuffer");
      const memory = await got() as ArrayBuffer;
      assert.ok(memory instanceof ArrayBuffer && memory.byteLength === 2);
      socket.binaryType = "nodebuffer";
      const buffer = await got() as Uint8Array;
      assert.equal(buffer.constructor.name, "Buffer");
      assert.deepEqual([...buffer], [1, 2]);
      socket.close();
      peer.end();
    },
  );

  it(
    "no message is lost to code that awaits each of them, though all lie in one chunk",
    options,
    async () => {
      const { socket, peer } = await openRaw();
      const sent = Array.from({ length: 100 }, (_, at) => `${at}`);
      for (const payload of sent) peer.send({ payload });
      const received: unknown[] = [];
      const receive = async (): Promise<unknown> =>
        (await next<MessageEvent>(socket, "message")).data;
      for (const _ of sent) received.push(await receive());
      assert.deepEqual(received, sent);
      socket.close();
      peer.end();
    },
  );

  it(
    "what comes with the 101 is given after open, though the handler is set in between",
    options,
    async () => {
      const { network, listener } = await serveRaw();
      const socket = new WebSocket(CHAT_URL, { network });
      const peer = await listener.accept();
      await peer.upgrade();
      peer.send({ payload: "first" });
      peer.send({ payload: "second" });
      await next(socket, "open");
      const received: unknown[] = [];
      await new Promise<void>((resolve) => {
        socket.onmessage = ({ data }): void => {
          if (received.push(data) === 2) resolve();
        };
      });
      assert.deepEqual(received, ["first", "second"]);
      socket.close();
      peer.end();
    },
  );

  it(
    "a peer that closes: readyState 2, then close with its code and reason, and no error",
    options,
    async () => {
      const { network, server } = await serveChat();
      const { socket, log } = await open(network);
      const [connection] = server.connections as ReadonlySet<WebSocketConnection>;
      connection.close(4001, "enough");
      await next(socket, "close");
      assert.deepEqual(log, ["open", "close 4001 enough true"]);
      assert.equal(socket.readyState, 3);
      const without = await open(network);
      const [other] = server.connections as ReadonlySet<WebSocketConnection>;
      other.close(1005);
      await next(without.socket, "close");
      assert.deepEqual(without.log, ["open", "close 1005  true"]);
    },
  );

  it("a connection that is dropped: error, then close with 1006", options, async () => {
    const { network } = await serveChat();
    const { socket, log } = await open(network, { protocols: "chat" });
    network.reset();
    await next(socket, "close");
    assert.deepEqual(log, ["open", "error", "close 1006  false"]);
    assert.equal(socket.protocol, "chat");
  });

  it(
    "a peer that breaks a rule: error, then close with 1006, and the messages before it",
    options,
    async () => {
      const { socket, peer, log } = await openRaw();
      peer.send({ payload: "good" });
      peer.send({ payload: "bad", rsv: 0x20 });
      peer.end();
      await next(socket, "close");
      assert.deepEqual(log, ["open", "message good", "error", "close 1006  false"]);
    },
  );

  it("messages that come after close was called are not given", options, async () => {
    const { socket, peer, log } = await openRaw();
    socket.close();
    peer.send({ payload: "late" });
    peer.send({ opcode: 8, payload: "" });
    peer.end();
    await next(socket, "close");
    assert.deepEqual(log, ["open", "close 1005  true"]);
  });

  it("reading stops when the program's tasks lag", options, async () => {
    const { network, server } = await serveChat();
    const { socket } = await open(network);
    const [connection] = server.connections as ReadonlySet<WebSocketConnection>;
    let received = 0;
    socket.onmessage = (): void => void received++;
    const message = new Uint8Array(100_000);
    for (let at = 0; at < 100; at++) connection.send(message);
    while (received < 100) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal(socket.readyState, 1);
    socket.close();
  });
});

describe("event handler IDL attributes (HTML, section 8.1.8.1)", () => {
  it("keep a function or an object, and take anything else for null", async () => {
    const { network } = await serveChat();
    const socket = new WebSocket(CHAT_URL, { network });
    const object = { handleEvent: () => assert.fail("it was called") };
    for (const name of ["onopen", "onmessage", "onerror", "onclose"] as const) {
      assert.equal(socket[name], null);
      const handler = (): void => {};
      socket[name] = handler;
      assert.equal(socket[name], handler);
      for (const other of [1, "a", undefined, null, true, Symbol()]) {
        socket[name] = handler;
        (socket as unknown as Record<string, unknown>)[name] = other;
        assert.equal(socket[name], null);
      }
      (socket as unknown as Record<string, unknown>)[name] = object;
      assert.equal(socket[name], object);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.close();
  });

  it("are called in the place of their first assignment, with this as the socket", async () => {
    const { network } = await serveChat();
    const socket = new WebSocket(CHAT_URL, { network }), log: unknown[] = [];
    socket.onopen = () => assert.fail("it was replaced");
    socket.addEventListener("open", () => log.push("listener"));
    socket.onopen = function (this: unknown): void {
      log.push(this === socket);
    };
    await next(socket, "open");
    assert.deepEqual(log, [true, "listener"]);
    const closing: string[] = [];
    socket.onclose = () => closing.push("removed");
    socket.addEventListener("close", () => closing.push("listener"));
    socket.onclose = null;
    socket.onclose = () => closing.push("set again");
    socket.close();
    await next(socket, "close");
    assert.deepEqual(closing, ["listener", "set again"]);
  });
});

describe("tasks: each event has one of its own", () => {
  it("no message is lost to code that sets a handler anew for each", options, async () => {
    const { socket, peer } = await openRaw();
    const sent = Array.from({ length: 50 }, (_, at) => `${at}`), received: unknown[] = [];
    for (const payload of sent) peer.send({ payload });
    while (received.length < 25) {
      received.push(
        await new Promise((resolve) => {
          socket.onmessage = ({ data }): void => resolve(data);
        }),
      );
    }
    let awaited = Promise.withResolvers<unknown>();
    socket.onmessage = ({ data }): void => awaited.resolve(data);
    while (received.length < 50) {
      received.push(await awaited.promise);
      awaited = Promise.withResolvers();
    }
    assert.deepEqual(received, sent);
    socket.close();
    peer.end();
  });

  it("what follows from a message happens before the next one", options, async () => {
    const { socket, peer } = await openRaw(), received: unknown[] = [];
    for (const payload of ["a", "b", "c"]) peer.send({ payload });
    socket.onmessage = async ({ data }): Promise<void> => {
      received.push(data);
      for (let at = 0; at < 10; at++) await null;
      socket.close();
    };
    await peer.expectFrame({ opcode: 8 });
    peer.end();
    await next(socket, "close");
    assert.deepEqual(received, ["a"]);
  });

  it(
    "a reply to the last message before the peer's Close leaves; readyState is 1 until then",
    options,
    async () => {
      const { socket, peer } = await openRaw(), states: number[] = [];
      peer.send({ payload: "request" });
      peer.send({ opcode: 8, payload: Uint8Array.of(3, 232) });
      socket.onmessage = (): void => {
        states.push(socket.readyState);
        socket.send("reply");
      };
      await peer.expectFrame({ opcode: 1, payload: "reply" });
      await peer.expectFrame({ opcode: 8 });
      assert.equal(socket.readyState, 2);
      peer.end();
      await next(socket, "close");
      assert.deepEqual([states, socket.bufferedAmount], [[1], 0]);
    },
  );

  it("what follows from error happens before close", options, async () => {
    const { network } = await serveChat();
    const { socket } = await open(network);
    network.reset();
    await new Promise<void>((resolve) => socket.onerror = () => resolve());
    assert.equal(socket.readyState, 3);
    const { code } = await new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
    assert.equal(code, 1006);
  });
});

describe("what send takes and counts", () => {
  it("memory that is neither shared nor resizable", options, async () => {
    const { network } = await serveChat();
    const { socket } = await open(network);
    const resizable = new ArrayBuffer(8, { maxByteLength: 16 });
    const shared = new Uint8Array(new SharedArrayBuffer(1));
    for (const data of [shared, resizable, new Uint8Array(resizable)]) {
      assert.throws(() => socket.send(data), TypeError);
    }
    socket.close();
  });

  it(
    "bytes that wait, which do not become fewer within a task, and none that have left",
    options,
    async () => {
      const { network } = await serveChat();
      const { socket } = await open(network);
      socket.send("abc");
      await Promise.resolve();
      assert.equal(socket.bufferedAmount, 3);
      socket.send("de");
      assert.equal(socket.bufferedAmount, 5);
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(socket.bufferedAmount, 0);
      socket.send("f");
      socket.close();
      await next(socket, "close");
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(socket.bufferedAmount, 0);
    },
  );

  it("bytes before compression", options, async () => {
    const perMessageDeflate = true;
    const { network } = await serveChat({ perMessageDeflate, websocket: {} });
    const { socket } = await open(network, { perMessageDeflate });
    assert.equal(socket.extensions, "permessage-deflate");
    socket.send("a".repeat(100_000));
    assert.equal(socket.bufferedAmount, 100_000);
    socket.close();
  });
});

describe("over sockets", () => {
  it("connects, exchanges messages and closes", options, async () => {
    await using server = await listen({
      port: 0,
      hostname: "127.0.0.1",
      protocols: ["chat"],
      websocket: { message: (own, data) => void own.send(data) },
    });
    const socket = new WebSocket(`http://127.0.0.1:${server.address.port}/a`, ["other", "chat"]);
    await next(socket, "open");
    assert.equal(socket.protocol, "chat");
    socket.send("Hello");
    assert.equal((await next<MessageEvent>(socket, "message")).data, "Hello");
    socket.close(3001, "done");
    const { code, wasClean } = await next<CloseEvent>(socket, "close");
    assert.deepEqual([code, wasClean], [3001, true]);
  });

  it("an aborted signal fails it", options, async () => {
    const controller = new AbortController();
    await using server = await listen({ port: 0, hostname: "127.0.0.1", websocket: {} });
    const url = `ws://127.0.0.1:${server.address.port}/`;
    const socket = new WebSocket(url, { signal: controller.signal });
    controller.abort();
    const { code } = await next<CloseEvent>(socket, "close");
    assert.equal(code, 1006);
    assert.throws(() => new WebSocket(url, { signal: controller.signal }), { name: "AbortError" });
  });
});
