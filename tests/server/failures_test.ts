import { afterEach, beforeEach, describe, it } from "node:test";
import assert from "node:assert/strict";
import type { RefusalContext } from "../../lib/connection/handlers.ts";
import { HandshakeError, TransportError } from "../../lib/errors.ts";
import { logRefusals, refusedByHook } from "../../lib/server/failures.ts";
import { readServerOptions } from "../../lib/server/options.ts";
import { pass, settle } from "../connection/support.ts";
import { VirtualClock } from "../../lib/testing/clock.ts";
import { answerOf, openingRig, plain, REQUEST } from "./support.ts";

const CONTEXT: RefusalContext = {
  request: undefined,
  remoteAddress: { transport: "tcp", hostname: "203.0.113.5", port: 4711 },
};

function refusal(code: string): HandshakeError {
  return new HandshakeError(code, `Cannot accept handshake: ${code}`, { status: 403 });
}

describe("refusals without an onRefused of the user", () => {
  const { warn } = console;
  let lines: string[] = [];
  beforeEach(() => {
    lines = [];
    console.warn = (...values: unknown[]): void => void lines.push(values.join(" "));
  });
  afterEach(() => void (console.warn = warn));

  it("are printed once a minute for each code, with the number of those left out", () => {
    const clock = new VirtualClock(), log = logRefusals(clock);
    for (let i = 0; i < 5; i++) log(refusal("A"), CONTEXT);
    log(refusal("B"), { ...CONTEXT, remoteAddress: undefined });
    assert.deepEqual(lines, [
      "Cannot accept handshake: A (A, from 203.0.113.5:4711)",
      "Cannot accept handshake: B (B)",
    ]);
    clock.advance(59_999);
    log(refusal("A"), CONTEXT);
    assert.equal(lines.length, 2);
    clock.advance(1);
    log(refusal("A"), CONTEXT);
    log(refusal("B"), CONTEXT);
    assert.deepEqual(lines.slice(2), [
      "Cannot accept handshake: A (A, from 203.0.113.5:4711; 5 more since the last such line)",
      "Cannot accept handshake: B (B, from 203.0.113.5:4711)",
    ]);
    assert.equal(clock.timers, 0);
  });

  it("share their lines where they share a clock: each call of upgrade reads its options anew", () => {
    const clock = new VirtualClock();
    for (let i = 0; i < 3; i++) logRefusals(clock)(refusal("A"), CONTEXT);
    logRefusals(new VirtualClock())(refusal("A"), CONTEXT);
    assert.equal(lines.length, 2);
  });

  it("hold little, whatever codes a hook makes up", () => {
    const clock = new VirtualClock(), log = logRefusals(clock);
    for (let i = 0; i < 150; i++) log(refusal(`CODE_${i}`), CONTEXT);
    assert.equal(lines.length, 150);
    log(refusal("CODE_149"), CONTEXT); // the newest are remembered,
    assert.equal(lines.length, 150);
    log(refusal("CODE_0"), CONTEXT); // the oldest are not
    assert.equal(lines.length, 151);
  });

  it("are printed whether the handshake or the connection failed, but not a hook's Response", () => {
    const log = logRefusals(new VirtualClock());
    log(new TransportError("TLS_FAILED", "Cannot use the connection: TLS failed"), CONTEXT);
    log(refusedByHook(401), CONTEXT);
    assert.deepEqual(lines, [
      "Cannot use the connection: TLS failed (TLS_FAILED, from 203.0.113.5:4711)",
    ]);
  });

  it("name an address as it is written: IPv6 in brackets, or a path", () => {
    const from = (remoteAddress: RefusalContext["remoteAddress"]): string => {
      lines = [];
      logRefusals(new VirtualClock())(refusal("A"), { request: undefined, remoteAddress });
      return lines[0];
    };
    assert.match(from({ transport: "tcp", hostname: "::1", port: 80 }), /from \[::1\]:80\)$/);
    assert.match(from({ transport: "unix", hostname: "/run/s", port: 0 }), /from \/run\/s\)$/);
  });

  it("are printed by the options' default, and a console that fails does no harm", () => {
    const clock = new VirtualClock();
    const { onRefused } = readServerOptions({ clock });
    onRefused(refusal("A"), CONTEXT);
    assert.equal(lines.length, 1);
    const { error } = console;
    const fail = (): never => {
      throw new Error("the console fails");
    };
    console.warn = console.error = fail;
    try {
      onRefused(refusal("B"), CONTEXT);
    } finally {
      console.error = error;
    }
  });
});

describe("who is notified of a handshake that fails", () => {
  const strayGet = plain("GET /");
  const cases: [name: string, request: string, status: number, told: "errors" | "refusals"][] = [
    ["a stray GET", strayGet, 426, "refusals"],
    ["nonsense", "nonsense\r\n\r\n", 400, "refusals"],
    [
      "a foreign origin",
      REQUEST.replace("\r\n\r\n", "\r\nOrigin: http://evil\r\n\r\n"),
      403,
      "refusals",
    ],
    ["a rebound host", REQUEST.replace("localhost", "evil.example"), 403, "refusals"],
  ];
  for (const [name, request, status, told] of cases) {
    it(`${name}: onRefused alone`, async () => {
      const rig = openingRig();
      rig.say(request);
      await settle();
      assert.equal(answerOf(rig.peer).status, status);
      assert.equal(rig[told].length, 1);
      assert.equal(rig.errors.length + rig.refusals.length, 1);
      rig.peer.transport.closeWrite();
      await settle();
      assert.equal(rig.errors.length + rig.refusals.length, 1, "once");
    });
  }

  it("a request that does not come, and a server that is full: onRefused alone", async () => {
    const late = openingRig({ handshakeTimeout: 1000 });
    late.clock.advance(1000);
    const full = openingRig();
    full.opening.unavailable("the server has too many connections");
    await settle();
    for (const { refusals, errors } of [late, full]) {
      assert.deepEqual([refusals.length, errors.length], [1, 0]);
    }
  });

  it("a hook that fails after its time: onError is called for both, unless the client has left", async () => {
    for (const leaves of [false, true]) {
      const gate = Promise.withResolvers<undefined>();
      const rig = openingRig({ handshakeTimeout: 1000, handshake: () => gate.promise });
      rig.say(REQUEST);
      await settle();
      if (leaves) rig.peer.transport.close();
      else rig.clock.advance(1000);
      await settle();
      gate.reject(new Error("the database is away"));
      await settle();
      const messages = rig.errors.map((error) => (error as Error).message);
      assert.equal(messages.length, leaves ? 0 : 2);
      if (!leaves) assert.equal(messages[1], "the database is away");
    }
  });

  it("a fetch that overruns handshakeTimeout: onError, naming the option", async () => {
    const rig = openingRig({ handshakeTimeout: 1000, fetch: () => new Promise(() => {}) });
    rig.say(strayGet);
    await settle();
    await pass(rig.clock, 1000);
    assert.equal(answerOf(rig.peer).status, 503);
    assert.match(String(rig.errors[0]), /fetch did not settle within 1000 ms \(handshakeTimeout\)/);
    assert.deepEqual(rig.refusals, []);
  });

  it("is told of the request as far as it was read", async () => {
    const contexts: RefusalContext[] = [];
    const onRefused = (_error: Error, context: RefusalContext): void => void contexts.push(context);
    for (const request of [plain("POST /a?b", "X-A: 1"), "GET /\r\n\r\n", REQUEST.slice(0, 40)]) {
      const rig = openingRig({ onRefused, handshakeTimeout: 1000 });
      rig.say(request);
      await settle();
      await pass(rig.clock, 1000);
    }
    const [post, ...unread] = contexts.map(({ request }) => request);
    assert.deepEqual([post?.method, post?.url, post?.headers.get("x-a")], [
      "POST",
      "http://localhost/a?b",
      "1",
    ]);
    assert.deepEqual(unread, [undefined, undefined]);
    // Spread and destructured, as of any object.
    assert.equal({ ...contexts[0] }.request?.url, "http://localhost/a?b");
  });
});
