/** The states of the opening handshake: every transition, and what a server does in each state. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { HandshakeError, TransportError } from "../../lib/errors.ts";
import {
  afterClientOpeningEvent,
  afterOpeningEvent,
  type ClientOpeningEvent,
  type ClientOpeningState,
  isPending,
  type OpeningEvent,
  type OpeningState,
} from "../../lib/protocol/opening.ts";
import { settle } from "../connection/support.ts";
import { ANSWER as CLIENT_ANSWER, clientOpeningRig } from "../client/support.ts";
import { answerOf, openingRig, REQUEST } from "../server/support.ts";

/** What each event leads to; a state that stays as it is is not listed. */
const TABLE: Readonly<Record<OpeningState, Partial<Record<OpeningEvent, OpeningState>>>> = {
  reading: { head: "deciding", refuse: "lingering", gone: "done" },
  deciding: { accept: "done", respond: "answering", refuse: "lingering", gone: "done" },
  answering: { sent: "lingering", gone: "done" },
  lingering: { gone: "done" },
  done: {},
};

const EVENTS: readonly OpeningEvent[] = ["head", "accept", "respond", "sent", "refuse", "gone"];

describe("the transitions of the opening handshake", () => {
  for (const state of Object.keys(TABLE) as OpeningState[]) {
    for (const event of EVENTS) {
      const next = TABLE[state][event] ?? state;
      it(`${state}, ${event}: ${next === state ? "no change" : next}`, () => {
        assert.equal(afterOpeningEvent(state, event), next);
      });
    }
  }

  it("a request is pending while it is read and decided about", () => {
    const states = Object.keys(TABLE) as OpeningState[];
    assert.deepEqual(states.filter(isPending), ["reading", "deciding"]);
  });
});

/** The same for a client. */
const CLIENT_TABLE: Readonly<
  Record<ClientOpeningState, Partial<Record<ClientOpeningEvent, ClientOpeningState>>>
> = {
  waiting: { accept: "done", refuse: "refused", fail: "done" },
  refused: { fail: "done" },
  done: {},
};

describe("the transitions of a client's opening handshake", () => {
  for (const state of Object.keys(CLIENT_TABLE) as ClientOpeningState[]) {
    for (const event of ["accept", "refuse", "fail"] as const) {
      const next = CLIENT_TABLE[state][event] ?? state;
      it(`${state}, ${event}: ${next === state ? "no change" : next}`, () => {
        assert.equal(afterClientOpeningEvent(state, event), next);
      });
    }
  }
});

describe("a client by the state of an opening handshake", () => {
  const refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\n";

  it("accept: the connection has the transport, and nothing else is reported", async () => {
    const rig = clientOpeningRig();
    rig.say(CLIENT_ANSWER);
    await settle();
    assert.deepEqual([rig.handshake.state, rig.opened.length], ["done", 1]);
    rig.handshake.fail(new Error("late"));
    rig.peer.transport.close();
    await settle();
    assert.deepEqual([rig.opened.length, rig.failed], [1, []]);
  });

  it("refuse, fail: the body is read first, and the handshake fails once it is complete", async () => {
    const rig = clientOpeningRig();
    rig.say(`${refusal}no`);
    await settle();
    assert.deepEqual([rig.handshake.state, rig.failed], ["refused", []]);
    rig.say("pe");
    await settle();
    assert.deepEqual([rig.handshake.state, rig.opened, rig.peer.closed], ["done", [], true]);
    assert.equal((rig.failed[0] as HandshakeError).status, 403);
    assert.equal(new TextDecoder().decode((rig.failed[0] as HandshakeError).body), "nope");
  });

  for (const [state, text] of [["waiting", "HTTP/1.1 1"], ["refused", refusal]] as const) {
    it(`fail while ${state}: the transport is closed, and what comes later changes nothing`, async () => {
      const rig = clientOpeningRig();
      rig.say(text);
      await settle();
      assert.equal(rig.handshake.state, state);
      const error = new Error("given up");
      rig.handshake.fail(error);
      rig.say(CLIENT_ANSWER);
      await settle();
      assert.deepEqual([rig.handshake.state, rig.failed, rig.opened], ["done", [error], []]);
      assert.equal(rig.peer.closed, true);
    });

    it(`the server's end while ${state}: the handshake fails, once`, async () => {
      const rig = clientOpeningRig();
      rig.say(text);
      rig.peer.transport.closeWrite();
      await settle();
      rig.peer.transport.close();
      await settle();
      assert.deepEqual([rig.handshake.state, rig.failed.length, rig.opened], ["done", 1, []]);
      const expected = state === "waiting" ? TransportError : HandshakeError;
      assert.ok(rig.failed[0] instanceof expected, `${rig.failed[0]}`);
    });
  }
});

describe("a server by the state of an opening handshake", () => {
  const never = (): Promise<undefined> => new Promise(() => {});

  it("head, accept: it decides, and the connection has the transport", async () => {
    const rig = openingRig({ websocket: {} });
    rig.say(REQUEST);
    await settle();
    assert.deepEqual([rig.phases, rig.opened.length, rig.ended], [["deciding"], 1, []]);
    assert.equal(answerOf(rig.peer).status, 101);
    rig.opened[0].terminate();
  });

  it("refuse while reading: the error is answered, and the client's end awaited", async () => {
    const rig = openingRig({ websocket: {} });
    rig.say("no head\r\n\r\n");
    await settle();
    assert.deepEqual([rig.phases, answerOf(rig.peer).status], [["lingering"], 400]);
    assert.deepEqual([rig.peer.ended, rig.peer.closed, rig.ended.length], [true, false, 0]);
    rig.peer.transport.closeWrite();
    await settle();
    assert.equal(rig.ended.length, 1);
  });

  it("refuse while deciding: likewise", async () => {
    const rig = openingRig({ websocket: {} });
    rig.say(REQUEST.replace("Version: 13", "Version: 12"));
    await settle();
    assert.deepEqual([rig.phases, answerOf(rig.peer).status], [["deciding", "lingering"], 426]);
    rig.peer.transport.close();
    await settle();
  });

  it("respond, sent: the Response of the hook is sent, and the client's end awaited", async () => {
    const rig = openingRig({
      websocket: {},
      handshake: () => new Response("Who are you?", { status: 401 }),
    });
    rig.say(REQUEST);
    await settle();
    const phases = rig.phases.filter((phase, at) => phase !== rig.phases[at - 1]);
    assert.deepEqual(phases, ["deciding", "answering", "lingering"]);
    assert.deepEqual(answerOf(rig.peer).body, "Who are you?");
    rig.peer.transport.close();
    await settle();
  });

  for (
    const [state, text, options] of [
      ["reading", "GET /", {}],
      ["deciding", REQUEST, { handshake: never }],
      ["answering", REQUEST, { handshake: () => new Response(endless(), { status: 401 }) }],
      ["lingering", "no head\r\n\r\n", {}],
    ] as const
  ) {
    it(`gone while ${state}: it is over, and no timer is left`, async () => {
      const rig = openingRig({ websocket: {}, ...options });
      rig.say(text);
      await settle();
      assert.equal(rig.phases.at(-1) ?? "reading", state);
      rig.peer.transport.close();
      await settle();
      assert.deepEqual([rig.ended.length, rig.opened.length, rig.clock.timers], [1, 0, 0]);
    });
  }
});

/** A body that never ends. */
function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => controller.enqueue(new Uint8Array([65])),
    pull: () => new Promise(() => {}),
  });
}
