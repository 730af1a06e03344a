import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { ConnectionHandlers } from "../../lib/connection/connection.ts";
import { checkConnectionHandler } from "../../lib/connection/handlers.ts";
import { textOf } from "./support.ts";
import { open, ROLES, settle } from "./support.ts";

/** Handlers that write down what is called; those given win. */
function recorder(log: string[], own: ConnectionHandlers = {}): ConnectionHandlers {
  return {
    open: () => void log.push("open"),
    message: (_connection, data) => void log.push(`message ${data}`),
    ping: (_connection, payload) => void log.push(`ping ${textOf(payload)}`),
    pong: (_connection, payload) => void log.push(`pong ${textOf(payload)}`),
    close: (_connection, { closeCode }) => void log.push(`close ${closeCode}`),
    ...own,
  };
}

for (const role of ROLES) {
  describe(`handlers, as ${role}`, () => {
    it("are called in the order of events: open first, close once and last", async () => {
      const log: string[] = [];
      const { connection, peer } = open({ role, websocket: recorder(log) });
      assert.deepEqual(log, ["open"]);
      peer.write(
        peer.frame(0x81, "a"),
        peer.frame(0x89, "p"),
        peer.frame(0x8a, "q"),
        peer.frame(0x81, "b"),
        peer.frame(0x88),
        peer.frame(0x81, "c"),
      );
      peer.transport.closeWrite();
      await connection.closed;
      connection.terminate();
      await settle();
      assert.deepEqual(log, ["open", "message a", "ping p", "pong q", "message b", "close 1005"]);
    });

    it("get the connection, and `this` is their object", async () => {
      const seen: unknown[] = [];
      const websocket: ConnectionHandlers = {
        open(connection): void {
          seen.push(this === websocket, connection);
        },
        message(connection): void {
          seen.push(this === websocket, connection);
        },
      };
      const { connection, peer } = open({ role, websocket });
      peer.say("x");
      await settle();
      assert.deepEqual(seen, [true, connection, true, connection]);
      connection.terminate();
    });

    it("close is reported before `closed` resolves, with the same value", async () => {
      let info: unknown;
      const { connection, peer } = open({
        role,
        websocket: { close: (_connection, given) => void (info = given) },
      });
      peer.transport.close();
      assert.equal(await connection.closed, info);
    });

    for (
      const [how, fail] of [
        ["throws", () => {
          throw new Error("user");
        }],
        ["rejects", () => Promise.reject(new Error("user"))],
      ] as const
    ) {
      it(`message that ${how}: 1011, onError, nothing delivered after`, async () => {
        const log: string[] = [];
        const { connection, peer, errors } = open({
          role,
          websocket: recorder(log, {
            message(_connection, data): void | Promise<void> {
              log.push(`message ${data}`);
              return fail();
            },
          }),
        });
        peer.say("a", "b");
        peer.say("c");
        await settle();
        assert.deepEqual(log, ["open", "message a"]);
        assert.deepEqual(peer.said, ["8:1011"]);
        assert.deepEqual(errors.map(String), ["Error: user"]);
        peer.sayClose(1011);
        peer.transport.closeWrite();
        const info = await connection.closed;
        assert.deepEqual([info.error?.message, info.initiator, info.wasClean], [
          "user",
          "local",
          true,
        ]);
        assert.deepEqual(log, ["open", "message a", "close 1011"]);
      });

      for (const name of ["open", "ping", "pong", "drain"] as const) {
        it(`${name} that ${how}: 1011 and onError`, async () => {
          const { connection, peer, errors } = open({
            role,
            sendHighWaterMark: 1,
            websocket: { [name]: fail },
          });
          if (name === "drain") ["xyz", "behind it"].map((text) => connection.send(text));
          peer.write(peer.frame(0x89, "p"), peer.frame(0x8a, "q"));
          await settle();
          assert.deepEqual(peer.closeCodes, [1011]);
          assert.deepEqual(errors.map(String), ["Error: user"]);
          connection.terminate();
        });
      }

      it(`close that ${how}: onError, and closed resolves`, async () => {
        const { connection, peer, errors } = open({ role, websocket: { close: fail } });
        peer.sayClose();
        peer.transport.closeWrite();
        const { closeCode, error } = await connection.closed;
        await settle();
        assert.deepEqual([closeCode, error], [1000, undefined]);
        assert.deepEqual(errors.map(String), ["Error: user"]);
      });

      it(`a function that ${how}: 1011 and onError`, async () => {
        const { connection, peer, errors } = open({ role, websocket: fail });
        await settle();
        assert.deepEqual(peer.said, ["8:1011"]);
        assert.deepEqual(errors.map(String), ["Error: user"]);
        connection.terminate();
      });
    }

    it("what is thrown may be no Error", async () => {
      const { connection, peer, errors } = open({
        role,
        websocket: () => {
          throw "a string";
        },
      });
      await settle();
      assert.deepEqual([peer.said, errors], [["8:1011"], ["a string"]]);
      peer.sayClose();
      peer.transport.closeWrite();
      assert.equal((await connection.closed).error?.message, "a string");
    });

    it("an onError that throws is reported and does no harm", async (t) => {
      const report = t.mock.method(console, "error", () => {});
      const { connection, peer } = open({
        role,
        websocket: () => {
          throw new Error("user");
        },
        onError: () => {
          throw new Error("handler of errors");
        },
      });
      await settle();
      assert.deepEqual(report.mock.calls.map(({ arguments: [, error] }) => error.message), [
        "handler of errors",
        "user",
      ]);
      assert.deepEqual(peer.said, ["8:1011"]);
      connection.terminate();
    });

    it("the next message waits for the promise of the one before", async () => {
      const log: string[] = [];
      const settlers: (() => void)[] = [];
      const { connection, peer, transport } = open({
        role,
        websocket: recorder(log, {
          message(_connection, data): Promise<void> {
            log.push(`message ${data}`);
            return new Promise((resolve) => settlers.push(resolve));
          },
        }),
      });
      peer.write(peer.frame(0x81, "a"), peer.frame(0x81, "b"), peer.frame(0x89, "p"));
      await settle();
      assert.deepEqual(log, ["open", "message a", "ping p"]);
      settlers[0]();
      await settle();
      assert.deepEqual(log, ["open", "message a", "ping p", "message b"]);
      settlers[1]();
      await settle();
      assert.equal(transport.pauses, 0);
      connection.terminate();
    });

    it("what a handler returns that is no promise means nothing", async () => {
      const log: string[] = [];
      const { connection, peer } = open({
        role,
        websocket: recorder(log, {
          message: ((_connection: unknown, data: unknown) => log.push(`message ${data}`)) as never,
        }),
      });
      peer.say("a", "b");
      await Promise.resolve();
      assert.deepEqual(log, ["open", "message a", "message b"]);
      connection.terminate();
      await settle();
    });

    it("and also after close(), while what is in flight still comes", async () => {
      const log: string[] = [];
      const settlers: (() => void)[] = [];
      const { connection, peer } = open({
        role,
        websocket: recorder(log, {
          message(_connection, data): Promise<void> | void {
            log.push(`message ${data}`);
            if (data !== "c") return new Promise((resolve) => settlers.push(resolve));
          },
        }),
      });
      peer.say("a", "b", "c", "d");
      await settle();
      connection.close();
      await settle();
      assert.deepEqual(log, ["open", "message a"]);
      settlers[0]();
      await settle();
      assert.deepEqual(log, ["open", "message a", "message b"]);
      settlers[1]();
      await settle();
      assert.deepEqual(log, ["open", "message a", "message b", "message c", "message d"]);
      peer.sayClose();
      peer.transport.closeWrite();
      await settle();
      assert.equal(log.at(-1), "message d");
      settlers[2]();
      await connection.closed;
      assert.equal(log.at(-1), "close 1000");
      assert.equal(log.length, 6);
    });

    it("without message: data is dropped and never pauses", async () => {
      const log: string[] = [];
      const { connection, peer, transport } = open({
        role,
        receiveHighWaterMark: 10,
        websocket: recorder(log, { message: undefined as unknown as undefined }),
      });
      peer.say(...Array.from({ length: 100 }, () => "long enough to be over the mark"));
      peer.write(peer.frame(0x89, "p"));
      await settle();
      assert.equal(transport.pauses, 0);
      assert.deepEqual(log, ["open", "ping p"]);
      assert.equal(connection.stats.messagesReceived, 100);
      connection.terminate();
    });

    it("terminate() in any of them: nothing more of the chunk is delivered", async () => {
      for (
        const [first, expected] of [[0x81, "message x"], [0x89, "ping x"], [
          0x8a,
          "pong x",
        ]] as const
      ) {
        const log: string[] = [];
        const own: ConnectionHandlers = {};
        const stop = (what: string): ConnectionHandlers["ping"] => (connection, payload) => {
          log.push(`${what} ${typeof payload === "string" ? payload : textOf(payload)}`);
          connection.terminate();
        };
        own.message = stop("message") as ConnectionHandlers["message"];
        own.ping = stop("ping");
        own.pong = stop("pong");
        const { connection, peer } = open({ role, websocket: recorder(log, own) });
        peer.write(
          peer.frame(first, "x"),
          peer.frame(0x81, "y"),
          peer.frame(0x89, "y"),
          peer.frame(0x88),
        );
        await connection.closed;
        await settle();
        assert.deepEqual(log, ["open", expected, "close 1006"]);
      }
    });

    it("terminate() in open: not even the bytes behind the handshake are read", async () => {
      const log: string[] = [];
      const { connection, link, peer } = open({
        role,
        websocket: recorder(log, { open: (connection) => connection.terminate() }),
      });
      link.feed(peer.frame(0x81, "x"));
      await connection.closed;
      assert.deepEqual(log, ["close 1006"]);
    });

    it("close() in message: what is behind it is still delivered, up to the peer's Close", async () => {
      const log: string[] = [];
      const { connection, peer } = open({
        role,
        websocket: recorder(log, {
          message(connection, data): void {
            log.push(`message ${data}`);
            connection.close({ closeCode: 4000 });
          },
        }),
      });
      peer.write(
        peer.frame(0x81, "a"),
        peer.frame(0x81, "b"),
        peer.frame(0x88),
        peer.frame(0x81, "c"),
      );
      peer.transport.closeWrite();
      await connection.closed;
      assert.deepEqual(log, ["open", "message a", "message b", "close 1005"]);
      assert.deepEqual(peer.said, ["8:4000"]);
    });

    it("send() in drain does not call drain again before it is due", async () => {
      let drains = 0;
      const { connection, peer } = open({
        role,
        sendHighWaterMark: 1,
        websocket: {
          drain(connection): void {
            if (++drains < 5) ["again", "and again"].map((text) => connection.send(text));
          },
        },
      });
      for (const text of ["first", "second"]) connection.send(text);
      await settle();
      assert.equal(drains, 5);
      assert.equal(peer.frames.length, 10);
      connection.terminate();
    });

    it("a throw in ping keeps the pong, and pings are answered behind the one Close", async () => {
      const { connection, peer } = open({
        role,
        websocket: {
          ping(): void {
            throw new Error("user");
          },
        },
      });
      peer.write(peer.frame(0x89, "1"), peer.frame(0x89, "2"));
      await settle();
      assert.deepEqual(peer.said, ["10:1", "8:1011", "10:2"]);
      connection.terminate();
    });
  });
}

describe("the option websocket", () => {
  /** What the check says of it; undefined if it passes. */
  function problemOf(websocket: unknown): string | undefined {
    try {
      checkConnectionHandler({ websocket });
    } catch (error) {
      assert.ok(error instanceof TypeError, String(error));
      return error.message;
    }
    return undefined;
  }

  it("is handlers or a function", () => {
    const handler = (): void => {};
    const all = { open: handler, message: handler, drain: handler, ping: handler, pong: handler };
    for (const good of [undefined, handler, {}, { ...all, close: handler }, { open: undefined }]) {
      assert.equal(problemOf(good), undefined);
    }
    assert.equal(problemOf(Object.assign(Object.create(null), all)), undefined);
    for (const [wrong, type] of [[null, "null"], [7, "number"], ["on", "string"], [[], "Array"]]) {
      assert.equal(
        problemOf(wrong),
        `Cannot read options: websocket must be an object of handlers or a function, got ${type}`,
      );
    }
  });

  it("has handlers that are functions", () => {
    for (const wrong of [null, false, "text", {}]) {
      assert.match(
        problemOf({ message: wrong }) ?? "",
        /websocket\.message must be a function, got/,
      );
      class Chat {
        close = wrong;
      }
      assert.match(problemOf(new Chat()) ?? "", /websocket\.close must be a function, got/);
    }
  });

  it("has no unknown member as a plain object", () => {
    assert.match(problemOf({ massage() {} }) ?? "", /websocket\.massage .* websocket\.message\?$/);
    assert.match(problemOf({ onopen() {} }) ?? "", /websocket\.onopen .* websocket\.open\?$/);
    assert.match(
      problemOf({ message() {}, history: [] }) ?? "",
      /websocket\.history is not a handler/,
    );
    assert.equal(problemOf({ history: undefined }), undefined);
  });

  it("may be an instance of a class with members of its own, but for mistyped handlers", () => {
    class Chat {
      static messages(): void {}
      history: string[] = [];
      messages: string[] = []; // not a function: never meant as a handler
      opened = false;
      #closed = 0;
      get pings(): () => void {
        return assert.fail("a getter is called");
      }
      message(): void {}
      close(): void {
        this.#closed++;
      }
      closed(): boolean { // one letter from a handler that is there
        return this.#closed > 0;
      }
      broadcast(): void {}
    }
    class Room extends Chat {
      join(): void {}
    }
    assert.equal(problemOf(new Chat()), undefined);
    assert.equal(problemOf(new Room()), undefined);
    assert.equal(problemOf(Object.create(new Room())), undefined);

    for (
      const [name, meant] of [
        ["onMessage", "message"],
        ["onmessage", "message"],
        ["Message", "message"],
        ["massage", "message"],
        ["mesage", "message"],
        ["drains", "drain"],
        ["onClose", "close"],
      ]
    ) {
      class Own {}
      Object.defineProperty(Own.prototype, name, { value(): void {}, configurable: true });
      class Heir extends Own {}
      const text =
        `Cannot read options: websocket.${name} is not a handler; did you mean ${meant}?`;
      assert.equal(problemOf(new Own()), text);
      assert.equal(problemOf(new Heir()), text);
      class Field {
        [name] = (): void => {};
      }
      assert.equal(problemOf(new Field()), text);
    }
    // By case or a leading `on` alone it is mistyped, though the right one is there as well.
    class Both {
      message(): void {}
      onMessage(): void {}
    }
    assert.match(problemOf(new Both()) ?? "", /websocket\.onMessage is not a handler/);
  });

  it("is looked at as it is: a class of another kind is no reason to fail", () => {
    for (const object of [new Map(), new EventTarget(), new Proxy({}, {}), new Date()]) {
      assert.equal(problemOf(object), undefined);
    }
  });
});
