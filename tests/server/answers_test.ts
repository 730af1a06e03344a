/** Responses of `fetch` and of the hook: how their bodies are sent, and when they are cancelled. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HandshakeError } from "../../lib/errors.ts";
import type { Transport } from "../../lib/link/transport.ts";
import { ResponseSender } from "../../lib/server/response_sender.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { bytesOf, pass, settle } from "../connection/support.ts";
import { VirtualClock } from "../../lib/testing/clock.ts";
import {
  answerOf,
  type OpeningOptions,
  type OpeningRig,
  openingRig,
  plain,
  REQUEST,
} from "./support.ts";

/** A body that counts what is asked of it. */
class Source {
  pulled = 0;
  cancelled: unknown[] = [];
  readonly body: ReadableStream<Uint8Array>;

  /** @param next Gives each chunk; undefined ends it, a promise is waited for. */
  constructor(next: (at: number) => Uint8Array | undefined | Promise<Uint8Array | undefined>) {
    this.body = new ReadableStream({
      pull: async (controller): Promise<void> => {
        const chunk = await next(this.pulled++);
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      cancel: (reason): void => void this.cancelled.push(reason),
    }, { highWaterMark: 0 });
  }
}

const never = (): Promise<undefined> => new Promise(() => {});

/** What a client puts together of a body in chunks (RFC 9112 section 7.1); throws if it is not whole. */
function unchunk(body: string): string {
  let whole = "", at = 0;
  for (;;) {
    const end = body.indexOf("\r\n", at), size = parseInt(body.slice(at, end), 16);
    assert.ok(end > at && size >= 0, "the last chunk is missing");
    at = end + 2;
    const chunk = body.slice(at, at + size);
    assert.equal(body.slice(at + size, at + size + 2), "\r\n");
    at += size + 2;
    if (size === 0) {
      assert.equal(at, body.length, "something comes after the last chunk");
      return whole;
    }
    whole += chunk;
  }
}

/** The two ways to a Response. */
const ways = {
  fetch: (response: () => unknown, options: OpeningOptions<undefined> = {}) =>
    rig({ fetch: response as () => Response, ...options }, plain("GET /")),
  hook: (response: () => unknown, options: OpeningOptions<undefined> = {}) =>
    rig({ handshake: response as () => Response, ...options }, REQUEST),
};

/** What the owner is told at the end: a Response of the hook is a refusal, one of `fetch` is not. */
const CODES: Record<string, string | undefined> = { fetch: undefined, hook: "REFUSED" };

function codeOf(error: Error | undefined): string | undefined {
  return (error as HandshakeError | undefined)?.code;
}

async function rig(
  options: OpeningOptions<undefined>,
  request: string,
): Promise<OpeningRig<undefined>> {
  const made = openingRig(options);
  made.say(request);
  await settled();
  return made;
}

/** Lets everything happen that needs no time, however many turns it takes. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await settle();
}

for (const [way, answer] of Object.entries(ways)) {
  describe(`a Response of ${way}`, () => {
    it("is sent as it comes, in chunks, where its length is not known", async () => {
      const next = Promise.withResolvers<Uint8Array | undefined>();
      const source = new Source((at) =>
        at === 0 ? bytesOf("one ") : at === 1 ? next.promise : undefined
      );
      const { peer, ended } = await answer(() => new Response(source.body, { status: 418 }));
      const { status, head, body } = answerOf(peer);
      assert.equal(status, 418);
      assert.match(head, /\r\nTransfer-Encoding: chunked$/);
      assert.doesNotMatch(head, /content-length/i);
      assert.equal(body, "4\r\none \r\n");
      next.resolve(bytesOf("two"));
      await settled();
      assert.equal(unchunk(answerOf(peer).body), "one two");
      assert.ok(peer.ended);
      peer.transport.closeWrite();
      await settled();
      assert.deepEqual([ended.map(codeOf), source.cancelled], [[CODES[way]], []]);
    });

    it("has the length that its own header says", async () => {
      const source = new Source((at) => [bytesOf("one "), bytesOf("two")][at]);
      const headers = { "content-length": "7" };
      const late = new Source(async (at) => {
        await settle();
        return [bytesOf("one "), bytesOf("two")][at];
      });
      for (const { body } of [source, late]) {
        const { peer } = await answer(() => new Response(body, { status: 418, headers }));
        const got = answerOf(peer);
        assert.match(got.head, /\r\nContent-Length: 7$/);
        assert.equal(got.body, "one two");
      }
    });

    it("has a length where its body is at hand, in one chunk or in some", async () => {
      const chunks = (count: number, size: number): ReadableStream =>
        new Source((at) => at < count ? new Uint8Array(size).fill(97) : undefined).body;
      const bodies: [BodyInit | null, number][] = [
        ["text", 4],
        ["", 0],
        [null, 0],
        [new Uint8Array(500_000), 500_000],
        [chunks(0, 0), 0],
        [chunks(3, 1_000), 3_000],
        [chunks(1, 1 << 20), 1 << 20],
      ];
      for (const [body, size] of bodies) {
        const { peer } = await answer(() => new Response(body, { status: 418 }));
        const got = answerOf(peer);
        assert.match(got.head, new RegExp(`\r\nContent-Length: ${size}$`));
        assert.equal(got.body.length, size);
      }
    });

    it("is read no faster than the client takes it", async () => {
      const source = new Source(() => new Uint8Array(10_000));
      const { peer, transport, clock } = await answer(
        () => new Response(source.body, { status: 418 }),
        {
          memory: { capacity: 100_000 },
        },
      );
      await settled();
      peer.transport.pause();
      await settled();
      const { pulled } = source;
      await settled();
      assert.equal(source.pulled, pulled);
      assert.ok(transport.bufferedAmount <= 66_000, `${transport.bufferedAmount} bytes wait`);
      peer.transport.resume();
      await settled();
      assert.ok(source.pulled > pulled);
      peer.transport.close();
      await settled();
      assert.equal(source.cancelled.length, 1);
      assert.equal(clock.timers, 0);
    });

    it("notifies the owner of each phase, and when the client takes what had to wait", async () => {
      const source = new Source((at) => at < 10 ? new Uint8Array(20_000) : undefined);
      const { peer, phases } = await answer(() => new Response(source.body, { status: 418 }), {
        memory: { capacity: 15_000 },
      });
      assert.deepEqual([phases.slice(0, 2), phases.at(-1)], [
        ["deciding", "answering"],
        "lingering",
      ]);
      assert.ok(phases.filter((phase) => phase === "answering").length > 3, `${phases}`);
      assert.ok(peer.ended);
    });

    for (const ending of ["end", "reset"] as const) {
      it(`is cancelled when the client leaves (${ending}), which is no error`, async () => {
        // A client that is gone answers what is sent to it by a reset.
        const source = new Source(async (at) => {
          if (at > 2) await settle();
          return new Uint8Array(1_000);
        });
        const { peer, errors, refusals, ended, clock } = await answer(() =>
          new Response(source.body, { status: 418 })
        );
        assert.ok(source.pulled > 2);
        if (ending === "end") {
          peer.transport.closeWrite();
          await settled();
        }
        peer.transport.close();
        await settled();
        const { pulled } = source;
        assert.equal(String(source.cancelled), "AbortError: The client went away");
        await settled();
        assert.deepEqual([source.pulled, ended.map(codeOf), errors], [pulled, [CODES[way]], []]);
        assert.deepEqual(refusals.map(codeOf), way === "hook" ? ["REFUSED"] : []);
        assert.equal(clock.timers, 0);
      });
    }

    it("is cancelled when the client takes nothing for closeTimeout, and not before", async () => {
      const source = new Source(() => new Uint8Array(10_000));
      const { peer, transport, clock, errors } = await answer(
        () => new Response(source.body, { status: 418 }),
        { memory: { capacity: 50_000 }, closeTimeout: 1_000 },
      );
      for (let i = 0; i < 10; i++) {
        peer.transport.pause();
        await settled();
        assert.ok(transport.bufferedAmount > 0);
        clock.advance(999);
        await settled();
        assert.deepEqual([transport.closed, source.cancelled.length], [false, 0]);
        peer.transport.resume();
        await settle();
      }
      peer.transport.pause();
      await settled();
      clock.advance(1_000);
      await settled();
      assert.equal(transport.closed, true);
      assert.match(String(source.cancelled), /took nothing for 1000 ms \(closeTimeout\)/);
      assert.deepEqual([errors, clock.timers], [[], 0]);
    });

    it("is 503 if its body yields nothing for handshakeTimeout", async () => {
      const source = new Source(never);
      const { peer, clock, ended } = await answer(
        () => new Response(source.body, { status: 418 }),
        {
          handshakeTimeout: 1_000,
        },
      );
      clock.advance(999);
      await settled();
      assert.equal(peer.bytes.length, 0);
      clock.advance(1);
      await settled();
      const { status, body } = answerOf(peer);
      assert.equal(status, 503);
      assert.match(body, /its body gave nothing for 1000 ms \(handshakeTimeout\)/);
      assert.equal(source.cancelled.length, 1);
      peer.transport.closeWrite();
      await settled();
      assert.ok(ended[0] instanceof HandshakeError);
    });

    it("may be silent for as long as it likes after its first chunk, as a stream of events is", async () => {
      const event = Promise.withResolvers<Uint8Array | undefined>();
      const source = new Source((at) =>
        at === 0 ? bytesOf("abc") : at === 1 ? event.promise : never()
      );
      const { peer, clock, errors, transport } = await answer(
        () => new Response(source.body, { status: 418 }),
        { handshakeTimeout: 1_000, closeTimeout: 1_000 },
      );
      clock.advance(3_600_000);
      await settled();
      assert.equal(transport.closed, false);
      event.resolve(bytesOf("def"));
      await settled();
      assert.match(answerOf(peer).body, /abc\r\n3\r\ndef/);
      assert.deepEqual([errors, source.cancelled], [[], []]);
    });

    it("is cut off if it is silent for handshakeTimeout after the client ended its direction", async () => {
      const source = new Source((at) => at < 3 ? bytesOf("abc") : never());
      const { peer, clock, errors, transport, ended } = await answer(
        () => new Response(source.body, { status: 418 }),
        { handshakeTimeout: 1_000 },
      );
      assert.equal(answerOf(peer).status, 418);
      peer.transport.closeWrite();
      await settled();
      clock.advance(999);
      await settled();
      assert.equal(transport.closed, false);
      clock.advance(1);
      await settled();
      assert.throws(() => unchunk(answerOf(peer).body), /the last chunk is missing/);
      assert.equal(transport.closed, true);
      assert.match(String(errors), /its body gave nothing for 1000 ms \(handshakeTimeout\)/);
      assert.deepEqual([source.cancelled.length, ended.length, clock.timers], [1, 1, 0]);
    });

    it("whose body fails is cut off, and onError gets the error", async () => {
      for (const headers of [undefined, { "content-length": "1000" }]) {
        const source = new Source(async (at) => {
          if (at < 3) return bytesOf("abc");
          await settle();
          throw new Error("body");
        });
        const { peer, errors, transport } = await answer(() =>
          new Response(source.body, { status: 418, headers })
        );
        const { status, head, body } = answerOf(peer);
        assert.equal(status, 418);
        if (headers !== undefined) {
          assert.match(head, /\r\nContent-Length: 1000$/);
          assert.equal(body, "abcabcabc");
        } else assert.throws(() => unchunk(body), /the last chunk is missing/);
        assert.deepEqual([errors.map(String), transport.closed], [["Error: body"], true]);
      }
    });

    it("whose body fails before its first chunk, or is used or locked, is a 500", async () => {
      const used = new Response("x");
      await used.text();
      const locked = new Response("x");
      locked.body?.getReader();
      const responses = [
        new Response(new Source(() => Promise.reject(new Error("body"))).body),
        new Response(new Source(() => "text" as unknown as Uint8Array).body),
        used,
        locked,
      ];
      for (const response of responses) {
        const { peer, errors } = await answer(() => response);
        assert.deepEqual([answerOf(peer).status, errors.length], [500, 1]);
      }
    });

    it("whose body is not as long as its Content-Length is cut off, and onError knows", async () => {
      for (const [length, which] of [["5", "longer"], ["100", "shorter"]]) {
        const source = new Source(async (at) => {
          await settle();
          return at < 3 ? bytesOf("abc") : undefined;
        });
        const headers = { "content-length": length };
        const { peer, errors, transport } = await answer(() =>
          new Response(source.body, { status: 418, headers })
        );
        const { head, body } = answerOf(peer);
        assert.match(head, new RegExp(`Content-Length: ${length}$`));
        assert.ok(body.length < Number(length));
        assert.match(String(errors), new RegExp(`its body is ${which} than its Content-Length of`));
        assert.equal(transport.closed, true);
      }
    });

    it("with an invalid Content-Length is a 500", async () => {
      for (const length of ["x", "-1", "1e3", "1, 1", "0x10"]) {
        const stream = new Source(async (at) => {
          if (at > 0) await settle();
          return bytesOf("a");
        });
        const headers = { "content-length": length };
        const { peer, errors } = await answer(() =>
          new Response(stream.body, { status: 418, headers })
        );
        assert.equal(answerOf(peer).status, 500, length);
        assert.match(String(errors), /is not a valid Content-Length/);
        assert.equal(stream.cancelled.length, 1);
      }
    });

    it("with empty chunks is whole nevertheless", async () => {
      const source = new Source((at) =>
        at < 5_000 ? new Uint8Array(0) : at === 5_000 ? bytesOf("end") : undefined
      );
      const { peer } = await answer(() => new Response(source.body, { status: 418 }));
      for (let i = 0; i < 50 && !peer.ended; i++) await settled();
      assert.equal(unchunk(answerOf(peer).body), "end");
    });

    it("of another class, with a body of another kind, is sent whole", async () => {
      const other = {
        status: 418,
        statusText: "",
        headers: new Headers({ "x-a": "b" }),
        body: { pipe(): void {} },
        bodyUsed: false,
        arrayBuffer: () => Promise.resolve(bytesOf("other").buffer),
        [Symbol.toStringTag]: "Response",
      };
      const { peer } = await answer(() => other);
      const { status, body } = answerOf(peer);
      assert.deepEqual([status, body], [418, "other"]);
    });

    it("that comes too late is cancelled", async () => {
      for (const why of ["left", "timeout"] as const) {
        const source = new Source(() => new Uint8Array(10)),
          late = Promise.withResolvers<unknown>();
        const { peer, clock } = await answer(() => late.promise, { handshakeTimeout: 1_000 });
        if (why === "left") peer.transport.close();
        else clock.advance(1_000);
        await settled();
        late.resolve(new Response(source.body, { status: 418 }));
        await settled();
        assert.equal(source.cancelled.length, 1, why);
        assert.equal(source.pulled, 0);
      }
    });

    it("is cancelled, and 503 the answer, when the server goes away before it begins", async () => {
      const source = new Source(never);
      const { peer, opening, errors } = await answer(() =>
        new Response(source.body, { status: 418 })
      );
      opening.unavailable("the server is shutting down");
      await settled();
      assert.deepEqual([answerOf(peer).status, source.cancelled.length, errors], [503, 1, []]);
    });

    it("has an end even if neither its body nor the client ever makes it wait", async () => {
      const source = new Source(() => new Uint8Array(100_000));
      const { peer } = await answer(() => new Response(source.body, { status: 418 }), {
        memory: { capacity: 1 << 30 },
      });
      peer.transport.close();
      await settled();
      assert.equal(source.cancelled.length, 1);
    });
  });
}

describe("answers to HEAD, and with 304", () => {
  const headOf = async (response: Response, start = "HEAD /") => {
    const { peer } = await rig({ fetch: () => response }, plain(start));
    assert.ok(peer.ended);
    return answerOf(peer);
  };

  it("have no body, which is cancelled", async () => {
    const source = new Source(() => new Uint8Array(1_000));
    const { status, head, body } = await headOf(new Response(source.body));
    assert.deepEqual([status, body, source.cancelled.length], [200, "", 1]);
    assert.doesNotMatch(head, /content-length|transfer-encoding/i);
    assert.ok(source.pulled < 100);
  });

  it("have the length that the Response says, without a look at the body", async () => {
    const source = new Source(() => new Uint8Array(1_000));
    const headers = { "content-length": "123456789" };
    const { head, body } = await headOf(new Response(source.body, { headers }));
    assert.match(head, /\r\nContent-Length: 123456789$/);
    assert.deepEqual([body, source.cancelled.length, source.pulled], ["", 1, 0]);
  });

  it("304 has no length but that which the Response says", async () => {
    const bare = await headOf(new Response(null, { status: 304 }), "GET /");
    assert.doesNotMatch(bare.head, /content-length/i);
    const headers = { "content-length": "5" };
    const long = await headOf(new Response(null, { status: 304, headers }), "GET /");
    assert.match(long.head, /\r\nContent-Length: 5$/);
    assert.equal(long.body, "");
  });
});

it("a request's signal does not abort once its answer was sent", async () => {
  for (const sent of [true, false]) {
    let signal: AbortSignal | undefined;
    const fetch = (request: Request): Response => {
      signal = request.signal;
      return new Response(
        sent ? "text" : new Source((at) => at === 0 ? bytesOf("a") : never()).body,
      );
    };
    const { peer } = await rig({ fetch }, plain("GET /"));
    peer.transport.close();
    await settled();
    assert.equal(signal?.aborted, !sent);
  }
});

it("what fetch or a body fails with once the client has left is no fault", async () => {
  const aborted = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  const ways = {
    fetch: ({ signal }: Request): Promise<Response> => aborted(signal),
    beginning: ({ signal }: Request) => new Response(new Source(() => aborted(signal)).body),
    rest: ({ signal }: Request) =>
      new Response(new Source((at) => at === 0 ? bytesOf("a") : aborted(signal)).body),
  };
  for (const [way, fetch] of Object.entries(ways)) {
    for (const leave of ["closeWrite", "close"] as const) {
      const { peer, errors, ended } = await rig({ fetch }, plain("GET /"));
      peer.transport[leave]();
      await settled();
      assert.deepEqual(errors, [], `${way}, ${leave}`);
      const status = way === "rest" ? 200 : 500;
      if (leave === "closeWrite") assert.equal(answerOf(peer).status, status);
      else assert.equal(ended.length, 1);
    }
  }
});

it("what fetch returns must be a Response", async () => {
  for (const value of [undefined, null, "text", { status: 200 }]) {
    const { peer, errors } = await rig(
      { fetch: () => value as unknown as Response },
      plain("GET /"),
    );
    assert.equal(answerOf(peer).status, 500);
    assert.match(String(errors), /fetch returned \w+, it must return a Response/);
  }
});

it("what a client sends while it is answered is dropped, up to 1 MiB", async () => {
  const source = new Source(async () => {
    await settle();
    return new Uint8Array(10);
  });
  const { peer, transport } = await rig(
    { fetch: () => new Response(source.body), memory: { capacity: 1 << 22 } },
    plain("GET /"),
  );
  peer.write(new Uint8Array(1 << 20));
  await settled();
  assert.equal(transport.closed, false);
  peer.write(new Uint8Array(1));
  await settled();
  assert.deepEqual([transport.closed, source.cancelled.length], [true, 1]);
});

it("a Response is sent once the system has taken it, though `write` did not make it wait", async () => {
  const clock = new VirtualClock();
  for (const taken of [true, false]) {
    let bufferedAmount = 3_000, ended = false;
    const transport: Transport = Object.assign(Object.create(memoryTransportPair().server), {
      write: () => ({ more: true, copied: true }),
      closeWrite: () => void (ended = true),
    });
    Object.defineProperty(transport, "bufferedAmount", { get: () => bufferedAmount });
    const sender = new ResponseSender(new Response("text"), {
      transport,
      handshakeTimeout: 10_000,
      closeTimeout: 1_000,
      clock,
      sendBody: true,
      canChunk: true,
      head: () => bytesOf("head"),
    });
    let sent: boolean | undefined;
    void sender.send().then((all) => sent = all);
    await settled();
    // The system takes a third of it every 900 ms, to the end or not.
    for (const left of taken ? [2_000, 1_000, 0] : [2_000, 1_000]) {
      assert.deepEqual([ended, sent], [true, undefined]);
      await pass(clock, 900, { step: 100 });
      bufferedAmount = left;
      await pass(clock, 100, { step: 100 });
    }
    if (!taken) await pass(clock, 1_000, { step: 100 });
    assert.deepEqual([sent, clock.timers], [taken, 0]);
  }
});
