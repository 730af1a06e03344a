/** One end of the pair under test: a connection, and all that was done to it and came of it. */

import assert from "node:assert/strict";
import { WebSocketConnection } from "../../../lib/connection/connection.ts";
import { Deadline, Deadlines } from "../../../lib/connection/deadlines.ts";
import type { AnyMessage } from "../../../lib/connection/incoming_message.ts";
import { readConnectionOptions } from "../../../lib/connection/protocol_options.ts";
import { ProtocolLink } from "../../../lib/connection/protocol_link.ts";
import type { Transport } from "../../../lib/connection/transport.ts";
import { type CloseInfo, type CloseStatus, ConnectionClosedError } from "../../../lib/errors.ts";
import type { Role } from "../../../lib/frame/opcode.ts";
import type { SteppedClock } from "./clock.ts";
import type { Content } from "./content.ts";
import { Reader, type ReaderSetup } from "./reader.ts";
import { CLOSE_TIMEOUT, Sending } from "./sending.ts";
import { SpyLink } from "./spy_link.ts";

/** One side of a world, before it begins. */
export interface EndSetup extends ReaderSetup {
  sendHighWaterMark: number;
  maxBufferedAmount: number;
  receiveHighWaterMark: number;
  pingInterval: number;
  /** The longest message that it sends whole, and the most that a source gives at once. */
  largest: number;
}

/** A promise that the connection gave. */
export interface Tracked {
  name: string;
  state: "pending" | "resolved" | "rejected";
  value?: unknown;
}

/** What was asked of it that bears on how it ends. */
export interface Intent {
  /** The first Close that was asked for while it was open. */
  asked: CloseStatus | undefined;
  terminated: boolean;
  discarded: boolean;
  paused: boolean;
  /** The user's code failed. */
  failed: boolean;
  /** A source failed, or was aborted. */
  sourceFailed: boolean;
  /** The transport was cut beneath it. */
  cut: boolean;
}

/** How full the way in was when a message arrived. */
interface Arrival {
  /** Messages and their weight that waited: at most, as some may have been on their way to a taker. */
  waiting: number;
  weight: number;
  open: boolean;
}

/** Pings and pongs do not wait for room: more than they take up in a test. */
const CONTROL_ROOM = 256;

/** One end. */
export class End {
  readonly side: Role;
  readonly setup: EndSetup;
  readonly connection: WebSocketConnection<undefined, AnyMessage>;
  readonly spy: SpyLink;
  readonly reader: Reader;
  readonly sending: Sending;
  readonly tracked: Tracked[] = [];
  readonly events: string[] = [];
  readonly errors: unknown[] = [];
  readonly arrivals: Arrival[] = [];
  readonly intent: Intent = {
    asked: undefined,
    terminated: false,
    discarded: false,
    paused: false,
    failed: false,
    sourceFailed: false,
    cut: false,
  };
  /** How many messages had arrived when the user's code failed or dropped the connection. */
  arrivedAtStop: number | undefined;
  /** Whether handling was under way, or paused, when it ended. */
  busyAtEnd = false;
  info: CloseInfo | undefined;
  readonly #transport: Transport;
  readonly #clock: SteppedClock;
  readonly #armed = new Map<string, (() => void)[]>();
  #state = 1;

  /** Makes it over one transport of the pair, and begins. */
  constructor(side: Role, setup: EndSetup, transport: Transport, clock: SteppedClock) {
    this.side = side;
    this.setup = setup;
    this.#transport = transport;
    this.#clock = clock;
    const { sendHighWaterMark, maxBufferedAmount, receiveHighWaterMark, pingInterval, messages } =
      setup;
    const options = readConnectionOptions({
      sendHighWaterMark,
      maxBufferedAmount,
      receiveHighWaterMark,
      pingInterval,
      messages,
      clock,
      closeTimeout: CLOSE_TIMEOUT,
    });
    this.reader = new Reader(setup, {
      event: (name): void => this.#event(name),
      failing: (): void => void (this.intent.failed = true),
    });
    this.spy = new SpyLink(new ProtocolLink({ role: side, transport, options }), {
      arriving: (): void => this.#arriving(),
      writing: (first): void => this.#writing(first),
      closing: (): void => {
        this.busyAtEnd = this.reader.handling > 0 || this.intent.paused;
      },
    });
    this.connection = new WebSocketConnection<undefined, AnyMessage>(this.spy, {
      url: "ws://test/",
      data: undefined,
      options,
      onError: (error): void => void this.errors.push(error),
    });
    this.sending = new Sending(this, clock);
    this.#watch();
    this.track("closed", this.connection.closed).then((info) => this.info = info as CloseInfo);
    this.connection.start(this.reader.user);
  }

  /** What was asked through the connection's own methods, by whomever. */
  #watch(): void {
    const { connection, intent } = this;
    const watched = {
      close: (status: Partial<CloseStatus> = {}) => {
        const open = connection.readyState === 1;
        WebSocketConnection.prototype.close.call(connection, status);
        if (open) {
          intent.asked ??= { closeCode: status.closeCode ?? 1000, reason: status.reason ?? "" };
          intent.paused = false;
        }
        assert.notEqual(connection.readyState, 1, "open after close()");
      },
      terminate: () => {
        this.#stopped();
        WebSocketConnection.prototype.terminate.call(connection);
        intent.terminated = true;
        assert.equal(connection.readyState, 3, "not over after terminate()");
      },
    };
    for (const [name, value] of Object.entries(watched)) {
      Object.defineProperty(connection, name, { value });
    }
  }

  pause(): void {
    this.connection.pause();
    // A pause ends when closing begins, and so does not begin then.
    this.intent.paused = this.connection.readyState === 1;
  }
  resume(): void {
    this.connection.resume();
    this.intent.paused = false;
  }
  discard(): void {
    this.connection.discard();
    this.intent.discarded = true;
    this.intent.paused = false;
  }
  ping(): void {
    const open = this.connection.readyState === 1;
    const ping = this.track("ping", this.connection.ping());
    if (!open) ping.catch((error) => assert.ok(error instanceof ConnectionClosedError));
  }
  ready(): void {
    this.track("ready", this.connection.ready);
  }
  cancelReadable(): void {
    const cancelled = this.reader.cancel();
    if (cancelled !== undefined) this.track("readable.cancel", cancelled);
  }
  /** The user's code fails: now, or at the next message. */
  failUser(): void {
    const now = this.reader.busy !== undefined || this.reader.pulls;
    if (now) this.intent.failed = true;
    this.reader.fail(new Error("the user's code failed"));
  }
  /** What a server's shutdown does to each of its connections. */
  shutdown(timeout: number): void {
    this.connection.close({ closeCode: 1001 });
    const drop = new Deadline(() => this.connection.terminate());
    const deadlines = Deadlines.of(this.#clock);
    if (this.spy.closed !== undefined) return;
    deadlines.set(drop, timeout);
    this.connection.closed.then(() => drop.cancel());
  }
  /** The socket is lost beneath the connection. */
  cut(): void {
    this.intent.cut = true;
    this.#transport.close();
  }

  /** Does something the next time that `event` comes, from within. */
  arm(event: string, action: () => void): void {
    const armed = this.#armed.get(event);
    if (armed === undefined) this.#armed.set(event, [action]);
    else armed.push(action);
  }

  /** Does nothing of what it was armed with. */
  disarm(): void {
    this.#armed.clear();
  }

  /** Follows a promise; that it rejects is not an error by itself. */
  track<Value>(name: string, promise: Promise<Value>): Promise<Value> {
    const tracked: Tracked = { name, state: "pending" };
    this.tracked.push(tracked);
    promise.then(
      (value) => Object.assign(tracked, { state: "resolved", value }),
      (value) => Object.assign(tracked, { state: "rejected", value }),
    );
    return promise;
  }

  /** What holds at any time. */
  check(): void {
    const { readyState, bufferedAmount } = this.connection;
    assert.ok(readyState >= this.#state, `readyState went from ${this.#state} to ${readyState}`);
    this.#state = readyState;
    assert.ok(
      Number.isInteger(bufferedAmount) && bufferedAmount >= 0,
      `${bufferedAmount} buffered`,
    );
    if (this.spy.closed !== undefined) assert.equal(readyState, 3, "closed, and not over");
  }

  /** What holds when nothing more happens by itself. */
  checkQuiet(): void {
    const { bufferedAmount, readyState } = this.connection;
    if (
      readyState === 1 &&
      this.tracked.some(({ name, state }) => name === "ready" && state === "pending")
    ) {
      const { sendHighWaterMark } = this.setup;
      assert.ok(bufferedAmount > sendHighWaterMark, "not ready, and no more than the mark waits");
    }
    const { discarded, paused, failed } = this.intent;
    if (failed) assert.notEqual(readyState, 1, "the user's code failed, and it is open");
    if (discarded && !paused) {
      assert.equal(this.spy.paused, false, "discards, and is paused");
    }
  }

  #arriving(): void {
    const { reader, arrivals, spy, setup, intent } = this;
    const inPieces = setup.messages === "stream";
    const undelivered = spy.arrived.slice(reader.delivered.length);
    const weigh = (list: readonly Content[]): number =>
      list.reduce((sum, { weight }) => sum + weight, 0);
    // Of messages in pieces, what was given and is not read waits as well.
    const read = weigh(reader.delivered.map(({ content }) => content));
    const open = this.connection.readyState === 1;
    arrivals.push({
      waiting: undelivered.length,
      weight: inPieces ? weigh(spy.arrived) - read : weigh(undelivered),
      open,
    });
    if (!open || intent.discarded || intent.failed || setup.reading === "deaf" || inPieces) return;
    const waiting = undelivered.slice(reader.asks);
    assert.ok(!intent.paused, "a message while paused");
    assert.equal(reader.busy, undefined, "a message while one is being handled");
    assert.ok(waiting.length < 16, "a message though 16 wait");
    assert.ok(weigh(waiting) <= setup.receiveHighWaterMark, "a message though more wait than may");
  }

  #writing(first: boolean): void {
    // Of what was sent before it, its first fragment knows nothing.
    if (first) return;
    const { bufferedAmount } = this.spy;
    assert.ok(
      bufferedAmount <= this.setup.sendHighWaterMark + CONTROL_ROOM,
      "written past the mark",
    );
  }

  #stopped(): void {
    this.arrivedAtStop ??= this.spy.arrived.length;
  }

  #event(name: string): void {
    this.events.push(name);
    this.check();
    for (const action of this.#armed.get(name)?.splice(0) ?? []) action();
  }
}
