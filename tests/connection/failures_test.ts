/** Whatever the user's code throws, returns or rejects with: the connection ends in good order. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { ConnectionHandlers, ErrorHandler } from "../../lib/connection/connection.ts";
import { ConnectionClosedError } from "../../lib/errors.ts";
import { oddValues } from "../support/odd.ts";
import { open, openStream, type Rig, ROLES, settle } from "./support.ts";

/** The ways in which a handler fails. */
const ways: [string, (value: unknown) => void | Promise<void>][] = [
  ["throws", (value) => {
    throw value;
  }],
  ["rejects with", (value) => Promise.reject(value)],
  ["gives a thenable that rejects with", (value): Promise<void> => {
    const then = (_: unknown, reject: (reason: unknown) => void): void => reject(value);
    return { then } as unknown as Promise<void>;
  }],
  ["gives a thenable that throws", (value): Promise<void> => {
    const then = (): void => {
      throw value;
    };
    return { then } as unknown as Promise<void>;
  }],
];

async function end({ connection, peer }: Rig): Promise<Error | undefined> {
  peer.sayClose(1011);
  peer.transport.closeWrite();
  return (await connection.closed).error;
}

for (const role of ROLES) {
  describe(`as ${role}, a handler`, () => {
    for (const [how, fail] of ways) {
      for (const [name, value] of oddValues()) {
        it(`that ${how} ${name}: 1011, and onError gets it`, async () => {
          for (const event of ["open", "message", "ping", "pong", "drain"] as const) {
            const rig = open({
              role,
              sendHighWaterMark: 1,
              websocket: { [event]: () => fail(value) },
            });
            if (event === "drain") ["xyz", "behind it"].map((text) => rig.connection.send(text));
            rig.peer.write(
              rig.peer.frame(0x89, "p"),
              rig.peer.frame(0x8a, "q"),
              rig.peer.frame(0x81, "m"),
            );
            await settle();
            assert.deepEqual(rig.peer.closeCodes, [1011], event);
            assert.equal(rig.errors.length, 1, event);
            assert.ok(Object.is(rig.errors[0], value), event);
            assert.ok(await end(rig) instanceof Error, event);
          }
        });

        it(`that ${how} ${name} at the end, or as a function: onError gets it`, async () => {
          const closing = open({ role, websocket: { close: () => fail(value) } });
          closing.peer.sayClose();
          closing.peer.transport.closeWrite();
          assert.equal((await closing.connection.closed).error, undefined);
          const user = open({ role, websocket: () => fail(value) });
          await settle();
          assert.deepEqual(user.peer.closeCodes, [1011]);
          assert.ok(await end(user) instanceof Error);
          for (const { errors } of [closing, user]) {
            assert.ok(errors.length === 1 && Object.is(errors[0], value));
          }
        });

        it(`that ${how} ${name} while a message comes: 1011, and onError gets it`, async () => {
          const { connection, peer, errors } = openStream({
            role,
            websocket: { message: () => fail(value) },
          });
          peer.write(peer.frame(0x01, "half of it"));
          await settle();
          assert.deepEqual(peer.closeCodes, [1011]);
          assert.ok(errors.length === 1 && Object.is(errors[0], value));
          connection.terminate();
        });
      }
    }

    it("that returns what is no promise has not failed", async () => {
      const values = [true, 7, "text", null, {}, [], { then: "no function" }];
      for (const value of values) {
        const message = (() => value) as unknown as ConnectionHandlers["message"];
        const open_ = (() => value) as unknown as ConnectionHandlers["open"];
        const { connection, peer, errors } = open({ role, websocket: { message, open: open_ } });
        peer.say("a", "b");
        await settle();
        assert.deepEqual([errors, connection.readyState], [[], 1]);
        connection.terminate();
      }
    });
  });

  describe(`as ${role}, onError`, () => {
    const failures: [string, ErrorHandler][] = [
      ["throws", () => {
        throw new Error("mine");
      }],
      ["rejects", () => Promise.reject(new Error("mine"))],
      ["is async and throws", async () => {
        await Promise.resolve();
        throw new Error("mine");
      }],
      ["throws what has no text", () => {
        throw Object.create(null);
      }],
    ];
    for (const [how, onError] of failures) {
      it(`that ${how} is printed with the error that it was told of`, async (t) => {
        const print = t.mock.method(console, "error", () => {});
        const thrown = new Error("the user's");
        const rig = open({
          role,
          onError,
          websocket: () => {
            throw thrown;
          },
        });
        await settle();
        await settle();
        const printed = print.mock.calls.map(({ arguments: values }) => values as unknown[]);
        assert.deepEqual(printed.map(([heading]) => heading), [
          "The option onError failed:",
          "It was told of:",
        ]);
        assert.equal(printed[1][1], thrown);
        assert.deepEqual(rig.peer.closeCodes, [1011]);
        await end(rig);
      });
    }

    it("gets the connection, its request and its address", async () => {
      const told: Parameters<ErrorHandler>[1][] = [];
      const { connection } = open({
        role,
        onError: (_error, context) => void told.push(context),
        websocket: () => {
          throw new Error("mine");
        },
      });
      await settle();
      const [{ connection: from, request, remoteAddress }] = told;
      assert.equal(from, connection);
      assert.deepEqual([request, remoteAddress], [connection.request, connection.remoteAddress]);
      connection.terminate();
    });

    it("that is missing prints the error with the URL and the address", async (t) => {
      const print = t.mock.method(console, "error", () => {});
      const thrown = new Error("mine");
      const { connection } = open({
        role,
        websocket: () => {
          throw thrown;
        },
        prints: true,
      });
      await settle();
      assert.deepEqual(print.mock.calls.map((call) => call.arguments as unknown[]), [
        ["Error at ws://test/, peer memory:", thrown],
      ]);
      connection.terminate();
    });
  });

  describe(`as ${role}, what is passed to send, receive and ping`, () => {
    for (const [name, value] of oddValues()) {
      it(`a source that fails with ${name} rejects with it`, async () => {
        for (const begun of [false, true]) {
          const rig = open({ role });
          const source = failing(value, begun ? ["x".repeat(70_000)] : []);
          const { thrown } = await rejection(rig.connection.send(source));
          assert.ok(Object.is(thrown, value));
          await settle();
          assert.deepEqual(rig.peer.closeCodes, begun ? [1011] : []);
          if (begun) assert.ok(await end(rig) instanceof Error);
          else rig.connection.terminate();
        }
      });

      it(`a signal that is aborted with ${name} rejects with it`, async () => {
        if (value === undefined) return; // a signal then makes a reason of its own
        const { connection } = open({ role });
        const controller = new AbortController(), { signal } = controller;
        const waiting = [
          connection.receive({ signal }),
          connection.ping({ signal }),
          connection.send(new ReadableStream<string>(), { signal }),
        ].map(rejection);
        await settle();
        controller.abort(value);
        for (const { thrown } of await Promise.all(waiting)) assert.ok(Object.is(thrown, value));
        connection.terminate();
      });
    }

    it("a source whose cancel throws does no harm", async () => {
      const { connection } = open({ role });
      const fail = (): never => {
        throw Object.create(null);
      };
      const sources = [
        { getReader: () => ({ read: () => new Promise(() => {}), cancel: fail }) },
        { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}), return: fail }) },
      ];
      const sent = sources.map((source) =>
        rejection(connection.send(source as unknown as ReadableStream<string>))
      );
      await settle();
      connection.terminate();
      for (const { thrown } of await Promise.all(sent)) {
        assert.ok(thrown instanceof ConnectionClosedError);
      }
    });
  });
}

/** A source that gives some chunks and then fails. */
async function* failing(value: unknown, chunks: string[]): AsyncGenerator<string> {
  yield* chunks;
  await settle();
  throw value;
}

/** What a promise rejects with, in an object: a promise of a proxy would look for its `then`. */
async function rejection(promise: Promise<unknown>): Promise<{ thrown: unknown }> {
  try {
    await promise;
  } catch (thrown) {
    return { thrown };
  }
  return assert.fail("it did not reject");
}
