/** pause(), resume() and discard(), with each way to read, in both message modes. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { LimitError } from "../../lib/errors.ts";
import type { WebSocketConnection } from "../../lib/connection/connection.ts";
import type { MessageMode } from "../../lib/protocol/options.ts";
import { type AnyMessage, StreamedMessage } from "../../lib/connection/streamed_message.ts";
import {
  open,
  openStream,
  pass,
  type Peer,
  type Rig,
  type RigOptions,
  ROLES,
  settle,
  textOf,
} from "./support.ts";
import { watch } from "./test_sources.ts";

/** The text of a message in either mode. */
async function read(message: AnyMessage): Promise<string> {
  if (message instanceof StreamedMessage) return await message.text();
  return typeof message === "string" ? message : textOf(message);
}

/** What a test needs of a connection in either mode. */
type AnyRig = Pick<Rig, "peer" | "clock" | "transport" | "errors"> & {
  connection: Pick<
    WebSocketConnection,
    "pause" | "resume" | "discard" | "close" | "closed" | "terminate" | "readyState" | "stats"
  >;
  /** The texts that were read. */
  got: string[];
};

type Reading = "handler" | "async handler" | "iteration" | "stream";
const READINGS: readonly Reading[] = ["handler", "async handler", "iteration", "stream"];
const MODES: readonly MessageMode[] = ["whole", "stream"];

/** Opens a connection that is read in one of the ways, all the time. */
function reading(
  way: Reading,
  mode: MessageMode,
  options: Omit<RigOptions, "websocket" | "onError">,
): AnyRig {
  const got: string[] = [];
  async function take(messages: AsyncIterable<AnyMessage>): Promise<void> {
    for await (const message of messages) got.push(await read(message));
  }
  const handle = (message: AnyMessage): void | Promise<void> => {
    if (way === "async handler") {
      return settle().then(async () => void got.push(await read(message)));
    }
    if (message instanceof StreamedMessage) {
      void read(message).then((text) => got.push(text), () => {});
    } else got.push(message as string);
  };
  const user = way.endsWith("handler")
    ? { message: (_: unknown, message: AnyMessage) => handle(message) }
    : (connection: { readable: ReadableStream<AnyMessage> } & AsyncIterable<AnyMessage>) =>
      void take(way === "stream" ? connection.readable : connection).catch(() => {});
  const rig = mode === "whole"
    ? open({ ...options, websocket: user })
    : openStream({ ...options, websocket: user });
  return { ...rig, got } as AnyRig;
}

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, at) => `${from + at}`);

/** Waits until so many have been read. */
async function until(got: readonly string[], count: number): Promise<void> {
  while (got.length < count) await settle();
}

for (const role of ROLES) {
  for (const mode of MODES) {
    for (const way of READINGS) {
      describe(`pause, ${mode} messages, ${way}, as ${role}`, () => {
        it("stops the transport; resumed, all comes in its order, and nothing is lost", async () => {
          const { connection, peer, transport, got } = reading(way, mode, { role });
          peer.say(...numbers(0, 3));
          await until(got, 3);
          connection.pause();
          connection.pause();
          assert.ok(transport.paused);
          for (const each of numbers(3, 40)) peer.say(each);
          await settle();
          assert.deepEqual(got, numbers(0, 3));
          connection.resume();
          connection.resume();
          peer.say(...numbers(40, 60));
          await until(got, 60);
          assert.deepEqual(got, numbers(0, 60));
          assert.equal(transport.paused, false);
          connection.terminate();
        });

        it("again and again, in the middle of chunks, nothing overtakes", async () => {
          const { connection, peer, got } = reading(way, mode, {
            role,
            memory: { chunkSize: 7 },
          });
          peer.say(...numbers(0, 60));
          for (let at = 0; at < 100; at++) {
            connection.pause();
            await Promise.resolve();
            connection.resume();
            if (at % 10 === 0) await settle();
          }
          await until(got, 60);
          assert.deepEqual(got, numbers(0, 60));
          connection.terminate();
        });

        it("the peer's Close waits behind it, and close() ends it", async () => {
          for (const closes of ["resume", "close"] as const) {
            const { connection, peer, got } = reading(way, mode, { role });
            connection.pause();
            peer.say("held");
            peer.sayClose();
            peer.transport.closeWrite();
            await settle();
            assert.equal(connection.readyState, 1);
            connection[closes]();
            assert.equal((await connection.closed).wasClean, true);
            await until(got, 1);
            assert.deepEqual(got, ["held"]);
          }
        });

        it("the keepalive does not drop the peer for it: pings leave, none is awaited until it is resumed", async () => {
          const { connection, peer, clock, transport, got } = reading(way, mode, {
            role,
            pingInterval: 20_000,
            pingTimeout: 5000,
          });
          connection.pause();
          peer.say("held");
          for (let at = 0; at < 30; at++) {
            await pass(clock, 10_000);
            peer.write(peer.frame(0x8a));
          }
          assert.equal(connection.readyState, 1);
          assert.equal(peer.said.filter((said) => said === "9:").length, 15);
          connection.resume();
          await until(got, 1);
          assert.equal(transport.paused, false);
          clock.advance(4999);
          assert.equal(connection.readyState, 1, "what came tells that the peer is there");
          connection.terminate();
        });

        it("resumed, a peer that is gone is found out after the whole of pingTimeout", async () => {
          const { connection, peer, clock } = reading(way, mode, {
            role,
            pingInterval: 20_000,
            pingTimeout: 5000,
          });
          connection.pause();
          await pass(clock, 59_000);
          connection.resume();
          await settle();
          clock.advance(4999);
          assert.equal(connection.readyState, 1);
          clock.advance(1);
          assert.equal(connection.readyState, 2);
          await settle();
          peer.transport.closeWrite();
          const { error } = await connection.closed;
          assert.ok(error instanceof LimitError && error.option === "pingTimeout");
        });

        it("a peer's reset while paused settles all: with handlers once it is resumed", async () => {
          const { connection, peer, clock } = reading(way, mode, { role });
          connection.pause();
          peer.say("held");
          await settle();
          const closed = watch(connection.closed);
          peer.transport.close();
          await settle();
          assert.equal(connection.readyState, 3);
          assert.equal(closed.state, way.endsWith("handler") ? "pending" : "resolved");
          connection.resume();
          assert.equal((await connection.closed).closeCode, 1006);
          await settle();
          assert.equal(clock.timers, 0);
        });

        it("discard() drops what waits and what comes, makes nothing wait, and answers pings", async () => {
          for (const paused of [false, true]) {
            const { connection, peer, transport, got, errors } = reading(way, mode, {
              role,
              receiveHighWaterMark: 50,
            });
            if (paused) connection.pause();
            else {
              peer.say("first");
              await until(got, 1);
            }
            const before = [...got];
            if (paused) peer.say(...numbers(0, 20));
            await settle();
            connection.discard();
            peer.say(...numbers(20, 60));
            peer.write(peer.frame(0x82, new Uint8Array(100_000)), peer.frame(0x89, "p"));
            await settle();
            assert.deepEqual(got, before);
            assert.equal(transport.paused, false);
            assert.deepEqual(peer.said, ["10:p"]);
            peer.sayClose();
            peer.transport.closeWrite();
            assert.equal((await connection.closed).wasClean, true);
            assert.deepEqual([got, errors], [before, []]);
          }
        });
      });
    }
  }

  describe(`pause within a message in pieces, as ${role}`, () => {
    const fragment = (peer: Peer, first: number, text: string): void =>
      peer.write(peer.frame(first, text));

    it("what has come can be read; the rest comes after resume", async () => {
      const { connection, peer } = openStream({ role });
      fragment(peer, 1, "a");
      const message = await connection.receive();
      await settle();
      connection.pause();
      fragment(peer, 0, "b");
      fragment(peer, 0x80, "c");
      const reader = message.stream().getReader();
      assert.equal(textOf((await reader.read()).value!), "a");
      const next = watch(reader.read());
      await settle();
      assert.equal(next.state, "pending");
      connection.resume();
      await settle();
      assert.equal(textOf((next.value as { value: Uint8Array }).value), "b");
      assert.equal(textOf((await reader.read()).value!), "c");
      connection.terminate();
    });

    it("reading below the mark does not resume what the user paused", async () => {
      const { connection, peer, transport } = openStream({ role, receiveHighWaterMark: 2 });
      fragment(peer, 2, "abcd");
      const reader = (await connection.receive()).stream().getReader();
      await settle();
      assert.ok(transport.paused);
      connection.pause();
      await reader.read();
      assert.ok(transport.paused);
      connection.resume();
      assert.equal(transport.paused, false);
      connection.terminate();
    });

    it("resume() does not resume what an unread message holds", async () => {
      const { connection, peer, transport } = openStream({ role, receiveHighWaterMark: 2 });
      connection.pause();
      connection.resume();
      fragment(peer, 2, "abcd");
      await settle();
      connection.pause();
      connection.resume();
      await settle();
      assert.ok(transport.paused);
      await (await connection.receive()).stream().cancel();
      assert.equal(transport.paused, false);
      connection.terminate();
    });

    it("discard() while it is read: an AbortError, and the rest is dropped as it comes", async () => {
      const { connection, peer, transport } = openStream({ role, receiveHighWaterMark: 100 });
      fragment(peer, 2, "a");
      const bytes = watch((await connection.receive()).bytes());
      await settle();
      connection.discard();
      peer.write(peer.frame(0x80, new Uint8Array(1000)), peer.frame(0x89, "p"));
      await settle();
      assert.equal((bytes.reason as Error).name, "AbortError");
      assert.deepEqual([transport.paused, peer.said], [false, ["10:p"]]);
      connection.terminate();
    });

    it("discard() while a handler holds a message: its rest is dropped, read or not", async () => {
      for (const reads of [false, true]) {
        const gate = Promise.withResolvers<void>();
        const fates: ReturnType<typeof watch>[] = [];
        const { connection, peer, transport, errors } = openStream({
          role,
          receiveHighWaterMark: 100,
          websocket: {
            message(_connection, message): Promise<void> {
              if (reads) fates.push(watch(message.bytes()));
              return gate.promise;
            },
          },
        });
        fragment(peer, 2, "a");
        await settle();
        connection.discard();
        peer.write(peer.frame(0, new Uint8Array(1000)), peer.frame(0x89, "p"));
        await settle();
        assert.deepEqual(
          fates.map(({ reason }) => (reason as Error).name),
          reads ? ["AbortError"] : [],
        );
        assert.deepEqual([transport.paused, peer.said], [false, ["10:p"]]);
        gate.resolve();
        await settle();
        assert.deepEqual(errors, []);
        connection.terminate();
      }
    });

    it("pause() in a handler: the message goes on only after resume, the next one too", async () => {
      const got: string[] = [];
      const { connection, peer } = openStream({
        role,
        websocket: {
          async message(connection, message): Promise<void> {
            got.push("begin");
            connection.pause();
            got.push(await message.text());
          },
        },
      });
      peer.write(peer.frame(1, "a"), peer.frame(0x80, "b"), peer.frame(0x81, "c"));
      await settle();
      assert.deepEqual(got, ["begin"]);
      connection.resume();
      await settle();
      assert.deepEqual(got, ["begin", "ab", "begin", "c"]);
      connection.terminate();
    });
  });
}
