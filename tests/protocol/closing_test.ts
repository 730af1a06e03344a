/** The states of the closing handshake: every transition, and what a connection does in each state. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  canSend,
  type ClosingEvent,
  type ClosingState,
  isReading,
} from "../../lib/protocol/closing.ts";
import { readConnectionOptions } from "../../lib/protocol/protocol_options.ts";
import { Protocol } from "../../lib/protocol/protocol.ts";
import { closePayload, frame, open, type Rig, ROLES, settle } from "../connection/support.ts";

/** What each event leads to; a state that stays as it is is not listed. */
const TABLE: Readonly<Record<ClosingState, Partial<Record<ClosingEvent, ClosingState>>>> = {
  open: {
    close: "closing",
    receive: "answering",
    violate: "refusing",
    end: "dropped",
    drop: "dropped",
    terminate: "terminated",
    gone: "closed",
  },
  answering: {
    close: "answered", // which is our answer
    answer: "answered",
    drop: "dropped",
    terminate: "terminated",
    gone: "closed",
  },
  refusing: {
    close: "refused",
    answer: "refused",
    drop: "dropped",
    terminate: "terminated",
    gone: "closed",
  },
  closing: {
    receive: "answered",
    violate: "refused",
    flush: "awaitingClose",
    end: "dropped",
    drop: "dropped",
    terminate: "terminated",
    gone: "closed",
  },
  answered: { flush: "finished", drop: "dropped", terminate: "terminated", gone: "closed" },
  refused: { flush: "lingering", drop: "dropped", terminate: "terminated", gone: "closed" },
  awaitingClose: {
    receive: "finished",
    violate: "lingering",
    end: "dropped",
    drop: "dropped",
    terminate: "terminated",
    gone: "closed",
  },
  finished: { drop: "dropped", terminate: "terminated", gone: "closed" },
  lingering: { drop: "dropped", terminate: "terminated", gone: "closed" },
  dropped: { terminate: "terminated", gone: "closed" },
  terminated: { gone: "closed" },
  closed: {},
};

/** The events that lead to each state. */
const PATHS: Readonly<Record<ClosingState, readonly ClosingEvent[]>> = {
  open: [],
  answering: ["receive"],
  refusing: ["violate"],
  closing: ["close"],
  answered: ["receive", "answer"],
  refused: ["violate", "answer"],
  awaitingClose: ["close", "flush"],
  finished: ["close", "flush", "receive"],
  lingering: ["close", "flush", "violate"],
  dropped: ["drop"],
  terminated: ["terminate"],
  closed: ["gone"],
};

const EVENTS: readonly ClosingEvent[] = [
  "close",
  "receive",
  "violate",
  "answer",
  "flush",
  "end",
  "drop",
  "terminate",
  "gone",
];

function protocolIn(state: ClosingState): Protocol {
  const protocol = new Protocol(
    { role: "server", options: readConnectionOptions({}) },
    { onClosing(): void {} },
  );
  const ignore = (): void => {};
  protocol.start(
    { onMessage: ignore, onMessageStart: ignore, onMessageData: ignore, onMessageEnd: ignore },
    { onPing: ignore, onPong: ignore },
  );
  for (const event of PATHS[state]) happen(protocol, event);
  return protocol;
}

function happen(protocol: Protocol, event: ClosingEvent): void {
  const masked = { masked: true };
  if (event === "close") protocol.close({ closeCode: 1000, reason: "" });
  else if (event === "receive") protocol.receive(frame(0x88, closePayload(1000), masked));
  else if (event === "violate") protocol.receive(frame(0x83, "reserved opcode", masked));
  else if (event === "answer") protocol.answer();
  else protocol.move(event);
}

describe("the transitions of the closing handshake", () => {
  for (const state of Object.keys(TABLE) as ClosingState[]) {
    for (const event of EVENTS) {
      const next = TABLE[state][event] ?? state;
      it(`${state}, ${event}: ${next === state ? "no change" : next}`, () => {
        const protocol = protocolIn(state);
        assert.equal(protocol.state, state);
        happen(protocol, event);
        assert.equal(protocol.state, next);
        protocol.output.release();
      });
    }
  }

  it("messages, pings and a Close are read in three states, messages sent in three", () => {
    const states = Object.keys(TABLE) as ClosingState[];
    assert.deepEqual(states.filter(isReading), ["open", "closing", "awaitingClose"]);
    assert.deepEqual(states.filter(canSend), ["open", "answering", "refusing"]);
  });
});

/** How a link reaches a state. The peer of "block" takes nothing, so that our Close is not flushed. */
const ways: Readonly<
  Partial<Record<ClosingState, (rig: Rig) => void | Promise<void>>>
> = {
  open: () => {},
  answering: ({ peer }) => peer.write(peer.frame(0x81, "work"), peer.frame(0x88)),
  refusing: ({ peer }) => peer.write(peer.frame(0x81, "work"), peer.frame(0x83)),
  async closing(rig) {
    await block(rig);
    rig.connection.close();
  },
  async answered(rig) {
    await block(rig);
    rig.peer.write(rig.peer.frame(0x88));
  },
  async refused(rig) {
    await block(rig);
    rig.peer.write(rig.peer.frame(0x83));
  },
  awaitingClose: ({ connection }) => connection.close(),
  finished: ({ peer }) => peer.write(peer.frame(0x88)),
  lingering: ({ peer }) => peer.write(peer.frame(0x83)),
  async dropped({ connection, clock }) {
    connection.close();
    await settle();
    clock.advance(10_000);
  },
  terminated: ({ connection }) => connection.terminate(),
};

async function block({ connection, peer }: Rig): Promise<void> {
  peer.transport.pause();
  connection.send(new Uint8Array(500));
  await settle();
}

/** What a connection does in a state. */
interface Behaviour {
  readyState: number;
  sends: boolean;
  /** Whether a message and a ping that come now are delivered. */
  reads: boolean;
  /** Whether our direction of TCP has ended. */
  ended?: boolean;
  /** Whether both have, because we closed the transport. */
  closed?: boolean;
}

const behaviours: Readonly<Partial<Record<ClosingState, Behaviour>>> = {
  open: { readyState: 1, sends: true, reads: true },
  answering: { readyState: 2, sends: true, reads: false },
  refusing: { readyState: 2, sends: true, reads: false },
  closing: { readyState: 2, sends: false, reads: true },
  answered: { readyState: 2, sends: false, reads: false },
  refused: { readyState: 2, sends: false, reads: false },
  awaitingClose: { readyState: 2, sends: false, reads: true },
  lingering: { readyState: 2, sends: false, reads: false, ended: true },
  dropped: { readyState: 3, sends: false, reads: false, ended: true, closed: true },
  terminated: { readyState: 3, sends: false, reads: false, ended: true, closed: true },
};

for (const role of ROLES) {
  describe(`a connection by the state of its closing handshake, as ${role}`, () => {
    /** Section 7.1.1: the server closes TCP, the client waits for it. */
    const finished = role === "server"
      ? { readyState: 3, sends: false, reads: false, ended: true, closed: true }
      : { readyState: 2, sends: false, reads: false };
    for (const [state, behaviour] of Object.entries({ ...behaviours, finished })) {
      it(`${state}: what it reads and sends, and what it does to TCP`, async () => {
        const log: string[] = [];
        const rig = open({
          role,
          memory: { capacity: 100 },
          websocket: {
            async message(_connection, data): Promise<void> {
              log.push(`${data}`);
              if (data === "work") await new Promise(() => {});
            },
            ping: () => void log.push("ping"),
          },
        });
        const { connection, peer, transport } = rig;
        await ways[state as ClosingState]!(rig);
        await settle();
        const { reads, sends, readyState, ended = false, closed = false } = behaviour;
        assert.equal(connection.readyState, readyState);
        assert.deepEqual([transport.writeEnded || transport.closed, transport.closed], [
          ended,
          closed,
        ]);
        log.length = 0;
        if (!closed) peer.write(peer.frame(0x81, "more"), peer.frame(0x89, "p"));
        await settle();
        assert.deepEqual(log, reads ? ["more", "ping"] : []);
        const before = connection.stats.messagesSent;
        connection.send("text");
        assert.equal(connection.stats.messagesSent > before, sends);
        connection.terminate();
        await connection.closed;
        await settle();
        assert.equal(rig.clock.timers, 0);
      });
    }
  });
}
