/** permessage-deflate in a server's handshake, and on the connections that come of it. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { PerMessageDeflateOptions } from "../../lib/deflate/options.ts";
import { accept, listen } from "../../lib/server/mod.ts";
import { connect, ProtocolError, type WebSocketConnection } from "../../mod.ts";
import { HELLO } from "../connection/compression_support.ts";
import { bytesOf, settle, textOf } from "../connection/support.ts";
import { tradesJson } from "../deflate/corpus.ts";
import { litter, MIB, readMemory, tellsMemory } from "../runtimes/pressure/memory.ts";
import { answerOf, openingRig, REQUEST } from "./support.ts";
import { RawClient } from "../support/raw_client.ts";

const PMD = "permessage-deflate";
const timeout = 60_000;

/** What a server says to these lines of Sec-WebSocket-Extensions; undefined: nothing. */
async function answered(
  offers: string | readonly string[],
  perMessageDeflate: boolean | PerMessageDeflateOptions | undefined,
): Promise<{ status: number; extensions: string | undefined }> {
  const { say, peer, opened } = openingRig({ perMessageDeflate });
  const lines = (typeof offers === "string" ? [offers] : offers)
    .map((offer) => `Sec-WebSocket-Extensions: ${offer}\r\n`).join("");
  say(REQUEST.replace("\r\n\r\n", `\r\n${lines}\r\n`));
  await settle();
  const { status, head } = answerOf(peer);
  const extensions = /^Sec-WebSocket-Extensions: (.*)$/im.exec(head)?.[1].trim();
  assert.equal(opened[0]?.extensions ?? "", extensions ?? "", "the connection says the same");
  assert.equal(opened[0]?.stats.compression !== undefined, extensions !== undefined);
  return { status, extensions };
}

describe("compression, as the server agrees on it", () => {
  it("a server that was not told to compress answers no extension", async () => {
    for (const option of [undefined, false]) {
      for (const offer of [PMD, `${PMD}; client_max_window_bits`, `x, ${PMD}`]) {
        assert.deepEqual(await answered(offer, option), { status: 101, extensions: undefined });
      }
    }
  });

  it("5.1, 7.1: the first offer that can be accepted is answered, with its parameters", async () => {
    const rows: [string | string[], PerMessageDeflateOptions | true, string | undefined][] = [
      [PMD, true, PMD],
      [`${PMD}; client_max_window_bits`, true, PMD],
      [`${PMD}; server_no_context_takeover`, true, `${PMD}; server_no_context_takeover`],
      [`${PMD}; client_no_context_takeover`, true, `${PMD}; client_no_context_takeover`],
      [`${PMD}; server_max_window_bits="9"`, true, `${PMD}; server_max_window_bits=9`],
      [`${PMD}; client_max_window_bits=8`, true, `${PMD}; client_max_window_bits=8`],
      [PMD, { serverMaxWindowBits: 8 }, `${PMD}; server_max_window_bits=8`],
      [PMD, { clientNoContextTakeover: true }, `${PMD}; client_no_context_takeover`],
      // Several, on one line or on two; others among them; the first that fits.
      [
        `x-other; a=1, ${PMD}; server_max_window_bits=10, ${PMD}`,
        true,
        `${PMD}; server_max_window_bits=10`,
      ],
      [
        [`${PMD}; unknown`, `${PMD}; server_max_window_bits=11`, PMD],
        true,
        `${PMD}; server_max_window_bits=11`,
      ],
      [
        `${PMD}, ${PMD}; client_max_window_bits`,
        { clientMaxWindowBits: 9 },
        `${PMD}; client_max_window_bits=9`,
      ],
      // Nothing that fits is no error.
      [PMD, { clientMaxWindowBits: 9 }, undefined],
      ["x-webkit-deflate-frame, permessage-bzip2", true, undefined],
      [`${PMD}; unknown`, true, undefined],
      [`${PMD}; unknown=1, ${PMD}; mode=gzip`, true, undefined],
      [`${PMD}; server_max_window_bits=16`, true, undefined],
      [`${PMD}; server_max_window_bits`, true, undefined],
      [`${PMD}; client_max_window_bits=07`, true, undefined],
      [`${PMD}; server_no_context_takeover=1`, true, undefined],
    ];
    for (const [offer, options, extensions] of rows) {
      assert.deepEqual(await answered(offer, options), { status: 101, extensions }, `${offer}`);
    }
  });

  it("7.1: an offer with a parameter twice is declined, and no reason to refuse the handshake", async () => {
    const names = ["server_no_context_takeover", "client_max_window_bits", "unknown"];
    for (const name of names) {
      const twice = `${PMD}; ${name}; ${name}`;
      assert.deepEqual(await answered(twice, true), { status: 101, extensions: undefined });
      assert.deepEqual(await answered(twice, false), { status: 101, extensions: undefined });
      assert.deepEqual(await answered(`${twice}, ${PMD}`, true), { status: 101, extensions: PMD });
    }
    // What breaks the grammar still is one.
    assert.equal((await answered(`${PMD}; a=`, true)).status, 400);
  });

  it("a hook cannot say something else about extensions", async () => {
    const { say, peer, errors } = openingRig({
      perMessageDeflate: true,
      handshake: () => ({ headers: { "Sec-WebSocket-Extensions": PMD } }),
    });
    say(REQUEST);
    await settle();
    assert.equal(answerOf(peer).status, 500);
    assert.equal(errors.length, 1);
  });

  it("a bad option is found when the server is made", async () => {
    for (const perMessageDeflate of [{ level: 0 }, { serverMaxWindowBits: 7 }]) {
      await assert.rejects(listen({ port: 0, perMessageDeflate, websocket: {} }), {
        name: "RangeError",
        message: /perMessageDeflate\.(level|serverMaxWindowBits)/,
      });
    }
  });

  it("a compressed message in one chunk with the request is the first message", async () => {
    const { peer, opened } = openingRig({ perMessageDeflate: true });
    const request = REQUEST.replace("\r\n\r\n", `\r\nSec-WebSocket-Extensions: ${PMD}\r\n\r\n`);
    peer.write(bytesOf(request), peer.frame(0xc1, HELLO));
    await settle();
    assert.equal(await opened[0].receive(), "Hello");
  });

  it("accept: agrees on it over any byte stream", async () => {
    const up = new TransformStream<Uint8Array, Uint8Array>();
    const down = new TransformStream<Uint8Array, Uint8Array>();
    const accepted = accept({ readable: up.readable, writable: down.writable }, {
      perMessageDeflate: { serverNoContextTakeover: true },
    });
    const writer = up.writable.getWriter(), reader = down.readable.getReader();
    const request = REQUEST.replace("\r\n\r\n", `\r\nSec-WebSocket-Extensions: ${PMD}\r\n\r\n`);
    void writer.write(bytesOf(request));
    const { value } = await reader.read();
    assert.match(
      textOf(value ?? bytesOf("")),
      /: permessage-deflate; server_no_context_takeover\r\n/,
    );
    const connection = await accepted;
    connection.terminate();
    await connection.closed;
  });
});

describe("compression over sockets", () => {
  it(
    "both ends say the same of it, and messages come through, whole and streamed",
    { timeout },
    async () => {
      const options: PerMessageDeflateOptions[] = [
        {},
        { serverNoContextTakeover: true },
        { clientNoContextTakeover: true },
        { serverMaxWindowBits: 8, clientMaxWindowBits: 8 },
        { level: 1, threshold: 0, serverMaxWindowBits: 10, clientNoContextTakeover: true },
      ];
      for (const [i, ours] of options.entries()) {
        const theirs = options[(i + 3) % options.length];
        const arrived = Promise.withResolvers<WebSocketConnection>();
        await using server = await listen({
          port: 0,
          hostname: "127.0.0.1",
          perMessageDeflate: ours,
          async websocket(connection) {
            arrived.resolve(connection);
            for await (const message of connection) {
              connection.send(message);
              await connection.send(new Blob([message]));
            }
          },
        });
        const url = `ws://127.0.0.1:${server.address.port}/`;
        await using client = await connect(url, { perMessageDeflate: theirs });
        const there = await arrived.promise;
        assert.ok(client.extensions.startsWith(PMD));
        assert.equal(client.extensions, there.extensions);
        for (const size of [110, 1000, 70_000]) {
          const message = new Uint8Array(tradesJson(i, size));
          client.send(message);
          assert.deepEqual(await client.receive(), message);
          assert.deepEqual(await client.receive(), message);
          await client.send(new Blob([message]));
          assert.deepEqual(await client.receive(), message);
          assert.deepEqual(await client.receive(), message);
        }
        const here = client.stats.compression, other = there.stats.compression;
        assert.ok(here !== undefined && other !== undefined);
        assert.deepEqual(here, {
          receivedEncoded: other.sentEncoded,
          receivedDecoded: other.sentDecoded,
          sentDecoded: other.receivedDecoded,
          sentEncoded: other.receivedEncoded,
        });
        assert.ok(here.sentEncoded < here.sentDecoded / 3);
      }
    },
  );

  it("one end alone compresses nothing", { timeout }, async () => {
    for (const [ours, theirs] of [[true, false], [false, true]]) {
      await using server = await listen({
        port: 0,
        hostname: "127.0.0.1",
        perMessageDeflate: ours,
        websocket: { message: (connection, data) => void connection.send(data) },
      });
      const url = `ws://127.0.0.1:${server.address.port}/`;
      await using client = await connect(url, { perMessageDeflate: theirs });
      client.send("a".repeat(1000), { compress: true });
      assert.equal(await client.receive(), "a".repeat(1000));
      assert.deepEqual([client.extensions, client.stats.compression], ["", undefined]);
    }
  });

  it("threat 30: RSV1 where it was not agreed on is answered with 1002", { timeout }, async () => {
    const arrived = Promise.withResolvers<WebSocketConnection>();
    await using server = await listen({
      port: 0,
      hostname: "127.0.0.1",
      perMessageDeflate: true, // which the client did not ask for
      websocket: (connection) => arrived.resolve(connection),
    });
    assert.deepEqual(await compressedAnyway(server.address.port), [0x88, 1002]);
    const { error } = await (await arrived.promise).closed;
    assert.ok(error instanceof ProtocolError && error.code === "RESERVED_BITS");
  });

  const skip = tellsMemory ? {} : { skip: "this system does not tell a process's memory" };
  it(
    "2,000 connections that have compressed leave memory where it was",
    { timeout, ...skip },
    async () => {
      await using server = await listen({
        port: 0,
        hostname: "127.0.0.1",
        perMessageDeflate: true,
        websocket: { message: (connection, data) => void connection.send(data) },
      });
      const url = `ws://127.0.0.1:${server.address.port}/`;
      const message = new Uint8Array(tradesJson(1, 10_000));
      const one = async (end: number): Promise<void> => {
        const client = await connect(url, { perMessageDeflate: true });
        client.send(message);
        assert.equal((await client.receive()).length, message.length);
        if (end % 2 === 0) client.terminate();
        else client.close();
        await client.closed;
      };
      const many = async (count: number): Promise<void> => {
        for (let at = 0; at < count; at += 20) {
          await Promise.all(
            Array.from({ length: 20 }, (_, i) => one(i)),
          );
        }
      };
      await litter(64 * MIB);
      await many(400);
      const before = readMemory().rss;
      await many(2000);
      const grown = readMemory().rss - before;
      // The contexts of a connection's two ends are 190 KiB by then: 375 MiB of them all.
      assert.ok(grown < 150 * MIB, `${Math.round(grown / MIB)} MiB`);
    },
  );
});

/** What a server on this port answers to a compressed frame that was not agreed on: opcode and code. */
async function compressedAnyway(port: number): Promise<number[]> {
  using client = new RawClient({ port });
  client.send(REQUEST.replace("localhost", `localhost:${port}`));
  client.send(Uint8Array.of(0xc1, 0x87, 0, 0, 0, 0, ...HELLO));
  const text = await client.untilEnd();
  const got = Array.from(text.slice(text.indexOf("\r\n\r\n") + 4), (byte) => byte.charCodeAt(0));
  return [got[0], got[2] << 8 | got[3]];
}
