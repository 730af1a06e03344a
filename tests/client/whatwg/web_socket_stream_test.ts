/** WebSocketStream and WebSocketError, as the proposal of the WHATWG has them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { closedWith, WebSocketError } from "../../../lib/client/whatwg/web_socket_error.ts";
import { WebSocketStream } from "../../../lib/client/whatwg/classes.ts";
import type { WebSocketStreamOptions } from "../../../lib/client/whatwg/web_socket_stream.ts";
import { CHAT_URL, serveChat, serveRaw } from "../../support/chat_server.ts";
import { Network, settle } from "../../../lib/testing/mod.ts";
import type { WebSocketConnection } from "../../../mod.ts";

const options = { timeout: 60_000 };

/** A stream that is open on a raw server. */
async function openRaw(given: WebSocketStreamOptions = {}) {
  const { network, listener } = await serveRaw();
  const stream = new WebSocketStream(CHAT_URL, { network, ...given }),
    peer = await listener.accept();
  await peer.upgrade();
  return { stream, peer, network, ...await stream.opened };
}

describe("WebSocketError", () => {
  it("is a DOMException with a code and a reason", () => {
    const error = new WebSocketError("text", { closeCode: 4001, reason: "enough" });
    assert.ok(error instanceof DOMException);
    assert.deepEqual(
      [error.name, error.message, error.closeCode, error.reason, error.code],
      ["WebSocketError", "text", 4001, "enough", 0],
    );
    const bare = new WebSocketError();
    assert.deepEqual([bare.message, bare.closeCode, bare.reason], ["", null, ""]);
    assert.equal(new WebSocketError("", { reason: "a" }).closeCode, 1000);
  });

  it("refuses codes and reasons that may not be sent", () => {
    for (const closeCode of [0, 1001, 1005, 2999, 5000, NaN, null as never]) {
      assert.throws(() => new WebSocketError("", { closeCode }), { name: "InvalidAccessError" });
    }
    const reason = "a".repeat(124);
    assert.throws(() => new WebSocketError("", { reason }), { name: "SyntaxError" });
    assert.throws(() => new WebSocketError("", 1 as never), TypeError);
  });
});

describe("WebSocketStream", () => {
  it("opens with the two streams, and echoes text and bytes", options, async () => {
    const { network } = await serveChat();
    const stream = new WebSocketStream("http://chat.example/", { network, protocols: ["chat"] });
    assert.equal(stream.url, CHAT_URL);
    const { readable, writable, protocol, extensions } = await stream.opened;
    assert.deepEqual([protocol, extensions], ["chat", ""]);
    const writer = writable.getWriter(), reader = readable.getReader();
    const bytes = Uint8Array.of(0, 255);
    for (
      const chunk of ["Gr\u00fc\u00dfe", "", bytes, bytes.buffer, new DataView(bytes.buffer, 1)]
    ) {
      await writer.write(chunk);
      const { value } = await reader.read();
      if (typeof chunk === "string") assert.equal(value, chunk);
      else {
        assert.ok(value instanceof Uint8Array);
        assert.deepEqual([...value], chunk instanceof DataView ? [255] : [0, 255]);
      }
    }
    await writer.write(12 as never);
    assert.equal((await reader.read()).value, "12");
    stream.close({ closeCode: 4001, reason: "done" });
    assert.deepEqual(await stream.closed, { closeCode: 4001, reason: "" });
    assert.deepEqual(await reader.read(), { done: true, value: undefined });
    await assert.rejects(writer.write("late"));
  });

  it("throws at once for a wrong URL, subprotocols, options or arguments", () => {
    const create = (url: unknown, given?: unknown) => () =>
      new WebSocketStream(url as string, given as WebSocketStreamOptions);
    for (const url of ["ftp://a", "ws://a/#b", "", "nonsense"]) {
      assert.throws(create(url), { name: "SyntaxError" });
    }
    assert.throws(create(CHAT_URL, { protocols: ["a", "a"] }), { name: "SyntaxError" });
    assert.throws(create(CHAT_URL, { protocol: "a" }), /did you mean protocols/);
    assert.throws(create(CHAT_URL, { websocket: {} }), /is an option of connect alone/);
    assert.throws(() => Reflect.construct(WebSocketStream, []), TypeError);
  });

  it("rejects opened and closed alike when it does not connect", options, async () => {
    const stream = new WebSocketStream("ws://nobody.example/", { network: new Network() });
    const [opened, closed] = await Promise.allSettled([stream.opened, stream.closed]);
    assert.ok(opened.status === "rejected" && closed.status === "rejected");
    assert.equal(opened.reason, closed.reason);
    const { name, closeCode } = opened.reason as WebSocketError;
    assert.deepEqual([name, closeCode], ["WebSocketError", 1006]);
  });

  it("fails when subprotocols were offered and none was chosen", options, async () => {
    const { network } = await serveChat();
    const stream = new WebSocketStream(CHAT_URL, { network, protocols: ["soap"] });
    await assert.rejects(stream.opened, { name: "WebSocketError" });
    await assert.rejects(stream.closed, { name: "WebSocketError" });
  });

  it("closed before it is open, or aborted by its signal, it rejects", options, async () => {
    const { network, server } = await serveChat();
    const early = new WebSocketStream(CHAT_URL, { network });
    early.close();
    await assert.rejects(early.opened, { name: "WebSocketError" });
    await assert.rejects(early.closed, { name: "WebSocketError" });
    const controller = new AbortController();
    const aborted = new WebSocketStream(CHAT_URL, { network, signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    await assert.rejects(aborted.opened, reason);
    await assert.rejects(aborted.closed, reason);
    const never = new WebSocketStream(CHAT_URL, { network, signal: controller.signal });
    await assert.rejects(never.opened, reason);
    await settle();
    assert.equal(server.connections.size, 0);
  });

  it("a signal means nothing once it is open", options, async () => {
    const { network } = await serveChat(), controller = new AbortController();
    const stream = new WebSocketStream(CHAT_URL, { network, signal: controller.signal });
    const { readable } = await stream.opened;
    controller.abort();
    await settle();
    stream.close();
    assert.equal((await stream.closed).closeCode, 1005);
    assert.equal((await readable.getReader().read()).done, true);
  });

  it("a peer that closes cleanly ends readable behind the last message", options, async () => {
    const { network, server } = await serveChat();
    const stream = new WebSocketStream(CHAT_URL, { network });
    const { readable, writable } = await stream.opened;
    const [connection] = server.connections as ReadonlySet<WebSocketConnection>;
    for (let at = 0; at < 20; at++) connection.send(`${at}`);
    connection.close(4002, "bye");
    const messages: unknown[] = [];
    for await (const message of readable) messages.push(message);
    assert.deepEqual(messages, Array.from({ length: 20 }, (_, at) => `${at}`));
    assert.deepEqual(await stream.closed, { closeCode: 4002, reason: "bye" });
    await assert.rejects(writable.getWriter().write("late"));
  });

  it("a peer that is gone errors both streams and closed", options, async () => {
    const { stream, readable, writable, network } = await openRaw();
    const reader = readable.getReader(), writer = writable.getWriter();
    const reading = reader.read();
    network.reset();
    await assert.rejects(reading, { name: "WebSocketError", closeCode: 1006 });
    await assert.rejects(stream.closed, { name: "WebSocketError", closeCode: 1006 });
    await assert.rejects(writer.closed, { name: "WebSocketError" });
    await assert.rejects(writer.write("late"));
  });

  const reasons: [string, unknown, number[]][] = [
    ["a WebSocketError with a code", new WebSocketError("", { closeCode: 4003, reason: "a" }), [
      15,
      163,
      97,
    ]],
    ["a WebSocketError without one", new WebSocketError("text"), []],
    ["the error of a connection that was lost", closedWith("gone", 1006, "why"), []],
    ["any other value", new Error("other"), []],
    ["an object that only looks like one", { closeCode: 4003, reason: "a" }, []],
  ];
  for (const [what, reason, payload] of reasons) {
    it(`cancelling and aborting with ${what} closes with what it says`, options, async () => {
      for (const end of ["cancel", "abort"] as const) {
        const { stream, peer, readable, writable } = await openRaw();
        const ended = end === "cancel" ? readable.cancel(reason) : writable.abort(reason);
        await peer.expectFrame({ opcode: 8, payload: Uint8Array.from(payload) });
        peer.send({ opcode: 8, payload: Uint8Array.from(payload) });
        peer.end();
        await ended;
        assert.equal((await stream.closed).closeCode, payload.length === 0 ? 1005 : 4003);
      }
    });
  }

  it("closing writable closes without a code, behind what was written", options, async () => {
    const { stream, peer, writable } = await openRaw();
    const writer = writable.getWriter();
    void writer.write("last");
    const closing = writer.close();
    await peer.expectFrame({ opcode: 1, payload: "last" });
    await peer.expectFrame({ opcode: 8, payload: "" });
    peer.send({ opcode: 8, payload: "" });
    peer.end();
    await closing;
    assert.equal((await stream.closed).closeCode, 1005);
  });

  it("a slow reader makes the peer wait, and pings are answered before that", options, async () => {
    const { network, server } = await serveChat({
      network: new Network({ capacity: 10_000 }),
      sendHighWaterMark: 10_000,
      websocket: () => {},
      onError: () => {},
    });
    const stream = new WebSocketStream(CHAT_URL, { network, receiveHighWaterMark: 50_000 });
    const { readable } = await stream.opened;
    const [connection] = server.connections as ReadonlySet<WebSocketConnection>;
    connection.discard();
    assert.equal(typeof await connection.ping(), "number");
    let sent = 0;
    while (connection.send(new Uint8Array(1_000)) && sent < 10_000) sent++, await settle();
    assert.ok(sent < 200, `${sent} messages left`);
    const reader = readable.getReader();
    for (let at = 0; at < sent; at++) assert.equal((await reader.read()).value?.length, 1_000);
    stream.close();
    connection.terminate();
  });

  it("close checks what it is given", options, async () => {
    const { network } = await serveChat();
    const stream = new WebSocketStream(CHAT_URL, { network });
    await stream.opened;
    assert.throws(() => stream.close({ closeCode: 1001 }), { name: "InvalidAccessError" });
    assert.throws(() => stream.close({ reason: "\u00fc".repeat(62) }), { name: "SyntaxError" });
    assert.throws(() => stream.close(1000 as never), TypeError);
    stream.close({ reason: "a reason alone" });
    assert.equal((await stream.closed).closeCode, 1000);
    stream.close();
  });
});

describe("WebSocketStream, its ends", () => {
  it("closed settles though a message is unread, which can still be read", options, async () => {
    const { stream, peer, readable, network } = await openRaw();
    for (const payload of ["a", "b", "c"]) peer.send({ payload });
    peer.send({ opcode: 8, payload: Uint8Array.of(15, 161) });
    peer.end();
    const { closeCode } = await network.clock.until(stream.closed); // replies have a second
    assert.equal(closeCode, 4001);
    const messages: unknown[] = [];
    for await (const message of readable) messages.push(message);
    assert.deepEqual(messages, ["a", "b", "c"]);
  });

  it("one that is not clean has one error for all", options, async () => {
    const { stream, readable, writable, network, peer } = await openRaw();
    peer.send({ payload: "unread" });
    await settle();
    network.reset();
    const reader = readable.getReader(), writer = writable.getWriter();
    const reasons = await Promise.all(
      [stream.closed, reader.closed, writer.closed].map((each) =>
        each.then(() => undefined, (error: unknown) => error)
      ),
    );
    assert.ok(reasons[0] instanceof WebSocketError);
    assert.ok(reasons.every((reason) => reason === reasons[0]));
  });

  it(
    "a write waits until the peer has taken it, and fails with the peer's Close",
    options,
    async () => {
      const { network, listener } = await serveRaw(new Network({ capacity: 10_000 }));
      const stream = new WebSocketStream(CHAT_URL, { network }), peer = await listener.accept();
      await peer.upgrade();
      const { writable } = await stream.opened, writer = writable.getWriter();
      peer.pause();
      let isWritten = false;
      const writing = writer.write(new Uint8Array(8 << 20)).then(() => isWritten = true);
      await settle();
      assert.equal(isWritten, false);
      peer.send({ opcode: 8, payload: Uint8Array.of(17, 215) }); // 4567
      await settle();
      peer.reset();
      await assert.rejects(writing);
      await assert.rejects(stream.closed, { name: "WebSocketError", closeCode: 4567 });
    },
  );

  it("a write after close rejects, and sends nothing", options, async () => {
    const { stream, peer, writable } = await openRaw();
    const writer = writable.getWriter();
    stream.close();
    await assert.rejects(writer.write("late"), { name: "InvalidStateError" });
    await peer.expectFrame({ opcode: 8 });
    peer.send({ opcode: 8, payload: "" });
    peer.end();
    await assert.rejects(stream.closed.then(() => writer.closed));
    assert.equal(peer.received.length, 0);
  });
});

describe("WebSocketStream, Web IDL", () => {
  it("takes no shared or resizable memory", options, async () => {
    const { writable, network } = await openRaw();
    const writing = writable.getWriter().write(new ArrayBuffer(8, { maxByteLength: 16 }));
    await assert.rejects(writing, TypeError);
    network.reset();
  });

  it("takes a list of subprotocols alone, and options as an object", () => {
    for (const given of [{ protocols: "hi" }, { protocols: null }, "chat", 1]) {
      const create = (): unknown => new WebSocketStream(CHAT_URL, given as WebSocketStreamOptions);
      assert.throws(create, TypeError);
    }
  });

  it("has enumerable members, a name, and attributes that reject where others throw", async () => {
    for (
      const [Class, names] of [
        [WebSocketStream, ["url", "opened", "closed", "close"]],
        [WebSocketError, ["closeCode", "reason"]],
      ] as const
    ) {
      for (const name of names) {
        const { enumerable, configurable } = Object.getOwnPropertyDescriptor(
          Class.prototype,
          name,
        )!;
        assert.deepEqual([enumerable, configurable], [true, true], name);
      }
      const { name } = Class as unknown as { name: string };
      const tags = Class.prototype as unknown as Record<symbol, string>;
      assert.equal(tags[Symbol.toStringTag], name);
    }
    for (const name of ["opened", "closed"] as const) {
      const { get } = Object.getOwnPropertyDescriptor(WebSocketStream.prototype, name)!;
      await assert.rejects(get!.call({}) as Promise<unknown>, TypeError);
    }
  });
});
