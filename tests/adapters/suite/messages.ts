/**
 * Messages, both ways.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { SendData, StreamedMessage, WebSocketConnection } from "../../../mod.ts";
import { BINARY, bytesOf, PING, PONG, TEXT, textOf } from "../../connection/support.ts";
import { goneMemory, memoryKinds } from "../../support/memory.ts";
import { type Case, inPieces, type Side } from "./case.ts";
import type { WirePeer } from "./wire.ts";

const MIB = 1024 * 1024;
/** More than is encoded in one go. */
const LARGE = 300_000;

/** Its `slice` is no copy, as that of Node's Buffer. */
class Sliced extends Uint8Array<ArrayBuffer> {
  override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
    return this.subarray(start, end);
  }
}

/** A large message in memory of its own, in shared memory, and in what copies otherwise. */
function largeKinds(): Uint8Array[] {
  return [
    new Uint8Array(LARGE),
    new Uint8Array(new SharedArrayBuffer(LARGE)),
    new Sliced(new ArrayBuffer(LARGE)),
  ];
}

/** Each way to read, and to send back what was read. */
const echoes: Record<string, Case["user"]> = {
  "handlers": () => ({ message: (connection, data) => void connection.send(data) }),
  "for await": (side) => async (connection: WebSocketConnection) => {
    for await (const message of connection) connection.send(message);
    side.tell("ended");
  },
  "receive": () => async (connection: WebSocketConnection) => {
    for (let count = 0; count < 4; count++) connection.send(await connection.receive());
  },
  "streams": (side) => async (connection: WebSocketConnection) => {
    await connection.readable.pipeTo(connection.writable, { preventClose: true });
    side.tell("ended");
  },
};

async function echoed(peer: WirePeer, ...messages: (string | Uint8Array)[]): Promise<void> {
  await peer.say(...messages);
  for (const message of messages) {
    const { data } = await peer.message();
    assert.equal(typeof data, typeof message);
    // By hand: to compare a MiB deeply takes some runtimes seconds.
    assert.equal(data.length, message.length);
    if (typeof data === "string") assert.ok(data === message, "another text");
    else assert.ok(data.every((byte, at) => byte === message[at]), "other bytes");
  }
}

const echoCases = Object.entries(echoes).map(([name, user]): Case => ({
  name: `text, binary and empty messages pass both ways by ${name}`,
  user,
  async test({ peer, told }): Promise<void> {
    await echoed(peer, "Grüße 🌍", new Uint8Array([0, 1, 254, 255]), "", new Uint8Array(0));
    await peer.closeWith();
    assert.equal((await told.closed()).closeCode, 1000);
    if (name === "for await" || name === "streams") await told.next("ended");
  },
}));

/** Memory that a user sends a part of, and uses again. */
function viewsOf(buffer: ArrayBuffer): SendData[] {
  return [
    buffer,
    new Uint8Array(buffer, 1, 3),
    new DataView(buffer, 2, 2),
    new Uint16Array(buffer, 2, 1),
    new Uint8Array(buffer, 8),
  ];
}

/** What is compared of a message that came. */
function facts(data: string | Uint8Array): unknown {
  if (typeof data === "string") return data;
  const { byteOffset, byteLength, buffer } = data;
  return {
    bytes: [...data],
    isPlain: Object.getPrototypeOf(data) === Uint8Array.prototype,
    ownsAll: byteOffset === 0 && buffer.byteLength === byteLength,
    transfers: buffer instanceof ArrayBuffer,
  };
}

/** A message in pieces tells what it is, then what was in it. */
async function tellPieces(message: StreamedMessage, side: Side): Promise<void> {
  side.tell("began", { type: message.type });
  const text = message.type === "text" ? await message.text() : [...await message.bytes()];
  side.tell("message", text);
}

/** The cases. */
export const messageCases: readonly Case[] = [
  ...echoCases,
  {
    name: "messages of 1 MiB pass both ways",
    user: echoes.handlers,
    async test({ peer, told }): Promise<void> {
      await echoed(peer, new Uint8Array(MIB).map((_, at) => at * 31 + (at >> 8)));
      await echoed(peer, "0123456789abcdé".repeat(MIB / 16));
      await peer.closeWith();
      await told.closed();
    },
  },
  {
    name: "binary messages are plain Uint8Arrays with memory of their own",
    user: (side) => {
      const kept: Uint8Array[] = [];
      return {
        message(_connection, data): void {
          if (typeof data === "string") side.tell("kept", kept.map(facts));
          else kept.push(data);
        },
      };
    },
    async test({ peer, told }): Promise<void> {
      const sent = [[1, 2, 3], [4, 5, 6, 7], [], Array.from({ length: 300 }, (_, at) => at & 255)];
      await peer.say(...sent);
      await peer.say([8, 9]);
      await peer.say("now");
      const kept = [...sent, [8, 9]].map((bytes) => ({
        bytes,
        isPlain: true,
        ownsAll: true,
        transfers: true,
      }));
      assert.deepEqual(await told.next("kept"), kept);
      await peer.closeWith();
    },
  },
  {
    name: "views are sent with the right offsets, and copied at once",
    user: () => (connection: WebSocketConnection) => {
      const bytes = new Uint8Array(10).map((_, at) => at);
      for (const view of viewsOf(bytes.buffer)) connection.send(view);
      bytes.fill(99);
    },
    async test({ peer }): Promise<void> {
      for (const bytes of [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3], [2, 3], [2, 3], [8, 9]]) {
        assert.deepEqual([...bytesOf((await peer.message()).data)], bytes);
      }
      await peer.closeWith();
    },
  },
  {
    name: "memory of every kind is sent as binary: shared, resizable, in any view",
    user: () => (connection: WebSocketConnection) => {
      for (const [, data] of memoryKinds()) connection.send(data);
      for (const large of largeKinds()) {
        connection.send(large.fill(7));
        large.fill(9);
      }
    },
    async test({ peer }): Promise<void> {
      for (const [name] of memoryKinds()) {
        const { data } = await peer.message();
        assert.ok(data instanceof Uint8Array, `${name} came as ${JSON.stringify(data)}`);
        assert.deepEqual([...data], [1, 2, 3, 4, 5, 6, 7, 8], name);
      }
      for (const _ of largeKinds()) {
        const { data } = await peer.message();
        assert.ok(data instanceof Uint8Array && data.length === LARGE);
        assert.ok(data.every((byte) => byte === 7), "the data is not copied when it is sent");
      }
      await peer.closeWith();
    },
  },
  {
    name: "memory that is gone is a TypeError, and nothing is sent",
    user: (side) => (connection: WebSocketConnection) => {
      for (const [name, data] of goneMemory()) {
        try {
          connection.send(data);
          side.tell("sent", name);
        } catch (error) {
          side.tell("thrown", (error as Error).name);
        }
      }
      connection.send("after");
    },
    async test({ peer, told }): Promise<void> {
      for (const _ of goneMemory()) assert.equal(await told.next("thrown"), "TypeError");
      assert.equal((await peer.message()).data, "after");
      await peer.closeWith();
    },
  },
  {
    name: "fragments make one message, though a character is torn between them",
    user: (side) => ({
      message: (_connection, data) => side.tell("message", facts(data)),
    }),
    async test({ peer, told }): Promise<void> {
      const [one, ...rest] = bytesOf("é!");
      await peer.sayFrame(TEXT, [one]);
      await peer.sayFrame(0x80 | PING, "between");
      await peer.sayFrame(0, rest);
      await peer.sayFrame(0x80);
      assert.equal(await told.next("message"), "é!");
      await peer.sayFrame(BINARY, [1]);
      await peer.sayFrame(0x80, [2, 3]);
      const expected = { bytes: [1, 2, 3], isPlain: true, ownsAll: true, transfers: true };
      assert.deepEqual(await told.next("message"), expected);
      await peer.closeWith();
    },
  },
  {
    name: "the next message waits for the promise of a handler",
    user: (side) => ({
      async message(_connection, data): Promise<void> {
        side.tell("message", data);
        if (data === "a") await side.go();
      },
    }),
    async test({ peer, told, go }): Promise<void> {
      await peer.say("a", "b", "c");
      assert.equal(await told.next("message"), "a");
      await peer.sayFrame(0x80 | PING, "seen");
      // Answered by those platforms that read on; what they read is held.
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.deepEqual(told.all("message"), ["a"]);
      go();
      assert.deepEqual([await told.next("message"), await told.next("message")], ["b", "c"]);
      await peer.closeWith();
    },
  },
  {
    name: "what came before the Close can still be taken",
    user: (side) => async (connection: WebSocketConnection) => {
      await connection.closed;
      for await (const message of connection) side.tell("message", message);
      side.tell("ended");
    },
    async test({ peer, told }): Promise<void> {
      await peer.say("a", "b");
      await peer.closeWith();
      await told.next("ended");
      assert.deepEqual(told.all("message"), ["a", "b"]);
    },
  },
  {
    name: 'with messages: "stream" a message is given as it comes, or in one piece',
    options: { messages: "stream" },
    user: (side) => inPieces({ message: (_connection, message) => tellPieces(message, side) }),
    async test({ peer, told, opened, findings }): Promise<void> {
      const { streaming } = opened.capabilities;
      await peer.sayFrame(TEXT, "one ");
      if (streaming) assert.deepEqual(await told.next("began"), { type: "text" });
      else await pong(peer);
      findings.streaming = told.all("began").length === 1;
      await peer.sayFrame(0, "message, ");
      await peer.sayFrame(0x80, "in pieces");
      assert.equal(await told.next("message"), "one message, in pieces");
      await peer.say([1, 2], "");
      assert.deepEqual(await told.next("message"), [1, 2]);
      assert.equal(await told.next("message"), "");
      await peer.closeWith();
    },
  },
  {
    name: "what is sent from a source leaves as it is read, or is refused by name",
    user: (side) => async (connection: WebSocketConnection) => {
      async function* source(): AsyncGenerator<string> {
        yield "first, ";
        await side.go();
        yield "second";
      }
      const sent = connection.send(source()).then(() => "sent", ({ name }: Error) => name);
      connection.send("behind it");
      side.tell("source", await sent);
    },
    async test({ peer, told, go, opened }): Promise<void> {
      if (opened.capabilities.streaming) {
        const { fin, payload } = await peer.answered();
        assert.deepEqual([fin, textOf(payload)], [false, "first, "]);
        go();
        assert.equal(await restOf(peer), "second");
        assert.equal(await told.next("source"), "sent");
      } else assert.equal(await told.next("source"), "NotSupportedError");
      assert.equal((await peer.message()).data, "behind it");
      await peer.closeWith();
    },
  },
  {
    name: "a ping of the peer is answered, and its handler called where the platform tells",
    user: (side) => ({ ping: (_connection, payload) => side.tell("ping", textOf(payload)) }),
    async test({ peer, told, opened }): Promise<void> {
      await peer.sayFrame(0x80 | PING, "are you there?");
      const { opcode, payload } = await peer.frame();
      assert.deepEqual([opcode, textOf(payload)], [PONG, "are you there?"]);
      if (opened.capabilities.ping) assert.equal(await told.next("ping"), "are you there?");
      await peer.closeWith();
      await told.closed();
      assert.equal(told.all("ping").length, opened.capabilities.ping ? 1 : 0);
    },
  },
  {
    name: "a ping is sent and its round trip told, or refused by name",
    user: (side) => ({
      open: async (connection): Promise<void> => {
        const { message, name } = await connection.ping().then(
          (time) => ({ name: time >= 0 ? "a time" : "no time", message: "" }),
          (error: Error) => error,
        );
        side.tell("ping", { name, message });
      },
      pong: () => side.tell("pong"),
    }),
    async test({ peer, told, opened, findings }): Promise<void> {
      if (opened.capabilities.ping) {
        const { opcode, payload } = await peer.frame();
        assert.equal(opcode, PING);
        await peer.sayFrame(0x80 | PONG, payload);
        await told.next("pong");
      }
      const { name } = await told.next<{ name: string }>("ping");
      findings.ping = name === "a time";
      if (!findings.ping) assert.equal(name, "NotSupportedError");
      await peer.closeWith();
    },
  },
];

/** The rest of a message whose first fragment was taken. */
async function restOf(peer: WirePeer): Promise<string> {
  let text = "";
  for (;;) {
    const { fin, payload } = await peer.answered();
    text += textOf(payload);
    if (fin) return text;
  }
}

/** Resolves when all that was sent before has been read at the other end. */
async function pong(peer: WirePeer): Promise<void> {
  await peer.sayFrame(0x80 | PING, "read?");
  while ((await peer.frame()).opcode !== PONG);
}
