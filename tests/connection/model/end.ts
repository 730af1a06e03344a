/** One end of the pair under test: a connection, and all that was done to it and came of it. */

import { CONNECTION_PARTS } from "../../../lib/connection/parts.ts";
import assert from "node:assert/strict";
import { WebSocketConnection } from "../../../lib/connection/connection.ts";
import { ReadingTimer, Timers } from "../../../lib/link/timers.ts";
import type { AnyMessage } from "../../../lib/connection/streamed_message.ts";
import { readConnectionOptions } from "../../../lib/protocol/protocol_options.ts";
import { extensionFor } from "../../../lib/protocol/extension.ts";
import { ProtocolLink } from "../../../lib/link/protocol_link.ts";
import type { Transport } from "../../../lib/link/transport.ts";
import { type CloseInfo, type CloseStatus, ConnectionClosedError } from "../../../lib/errors.ts";
import type { Role } from "../../../lib/frame/opcode.ts";
import type { VirtualClock } from "../../../lib/testing/clock.ts";
import { frame } from "../support.ts";
import type { Content } from "./content.ts";
import { Reader, type ReaderSetup } from "./reader.ts";
import { CLOSE_TIMEOUT, Sending } from "./sending.ts";
import { SpyLink } from "./spy_link.ts";
import { PLAIN } from "../compression_support.ts";

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
  /** Closing was asked for at all. */
  closing: boolean;
  terminated: boolean;
  discarded: boolean;
  paused: boolean;
  /** The user's code failed. */
  failed: boolean;
  /** A source failed, or was aborted. */
  sourceFailed: boolean;
  /** The transport was ended beneath it, in good order or not. */
  ended: "fin" | "reset" | undefined;
}

/** Pings and pongs do not wait for room: more than they take up in a test. */
const CONTROL_ROOM = 256;

/** What is reported of a handler that worked for too long after the end. */
export const GAVE_UP: RegExp = /Cannot wait for the message handler/;

/** What is reported where nobody has begun to read. */
export const UNREAD: RegExp = /Cannot receive more: \d+ messages wait/;

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
  /** For each message that arrived, whether it might be dropped. */
  readonly mayDrop: boolean[] = [];
  readonly intent: Intent = {
    asked: undefined,
    closing: false,
    terminated: false,
    discarded: false,
    paused: false,
    failed: false,
    sourceFailed: false,
    ended: undefined,
  };
  /** How many messages had arrived when the user's code failed or dropped the connection. */
  arrivedAtStop: number | undefined;
  info: CloseInfo | undefined;
  readonly #transport: Transport;
  readonly #clock: VirtualClock;
  readonly #armed = new Map<string, (() => void)[]>();
  #state = 1;
  #overflowed = false;

  /** Makes it over one transport of the pair, and begins. */
  constructor(
    side: Role,
    setup: EndSetup & { compressed: boolean },
    transport: Transport,
    clock: VirtualClock,
  ) {
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
    const extension = extensionFor(side, setup.compressed ? PLAIN : undefined, options);
    this.spy = new SpyLink(new ProtocolLink({ role: side, transport, extension, options }), {
      arriving: (): void => this.#arriving(),
      piece: (): void => void this.#checkRoom(),
      writing: (first): void => this.#writing(first),
    });
    this.connection = new WebSocketConnection<undefined, AnyMessage>(this.spy, {
      url: "ws://test/",
      data: undefined,
      parts: CONNECTION_PARTS,
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
        }
        intent.closing = true;
        intent.paused = false;
        assert.notEqual(connection.readyState, 1, "open after close()");
      },
      terminate: () => {
        this.#stopped();
        WebSocketConnection.prototype.terminate.call(connection);
        intent.terminated = true;
        intent.paused = false;
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
    const { closing, terminated, failed } = this.intent;
    this.intent.paused = !closing && !terminated && !failed && this.info === undefined;
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
  /** A pong that nobody asked for, where no frame is under way. */
  pong(): void {
    const { readyState, bufferedAmount } = this.connection;
    if (readyState !== 1 || bufferedAmount > 0) return;
    this.#transport.write(frame(0x8a, "pong", { masked: this.side === "client" }));
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
    const drop = new ReadingTimer(() => this.connection.terminate());
    const deadlines = Timers.of(this.#clock);
    if (this.spy.closed !== undefined) return;
    deadlines.set(drop, timeout);
    this.connection.closed.then(() => drop.cancel());
  }
  /** The socket is ended beneath the connection, as when a process dies: the peer sees no Close. */
  fin(): void {
    this.intent.ended ??= "fin";
    this.#transport.closeWrite();
  }
  /** The socket is lost beneath the connection. */
  reset(): void {
    this.intent.ended = "reset";
    this.#transport.close();
  }

  /** Whether a message can be sent: the answer to the peer's Close waits for replies. */
  get canSend(): boolean {
    return this.spy.canSend && !this.intent.closing;
  }

  /** Whether a handler worked for too long after the end. */
  get gaveUp(): boolean {
    return this.errors.some((error) => GAVE_UP.test(String(error)));
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
      readyState === 1 && this.intent.ended === undefined &&
      this.tracked.some(({ name, state }) => name === "ready" && state === "pending")
    ) {
      const { sendHighWaterMark } = this.setup;
      // A transport tells of room only once it has taken all.
      const full = bufferedAmount > sendHighWaterMark || this.#transport.bufferedAmount > 0;
      assert.ok(full, "not ready, and no more than the mark waits");
    }
    const { discarded, paused, failed } = this.intent;
    if (failed) assert.notEqual(readyState, 1, "the user's code failed, and it is open");
    if (discarded && !paused) {
      assert.equal(this.spy.paused, false, "discards, and is paused");
    }
    // Nothing else stops reading: not a handler that works.
    if (this.spy.paused && !paused) {
      const { weight } = this.#waiting;
      assert.ok(weight > this.setup.receiveHighWaterMark / 2, `paused, and ${weight} wait`);
    }
    const { pulls, pending } = this.reader;
    if (this.spy.closed !== undefined && (pulls || (pending === 0 && !paused))) {
      assert.notEqual(this.info, undefined, "the link has closed and nothing is left to be done");
    }
  }

  /** The messages that wait, and what they weigh: at most, as some may have been dropped. */
  get #waiting(): { messages: readonly Content[]; weight: number } {
    const { reader: { delivered }, spy: { arrived } } = this;
    const messages = arrived.slice(delivered.length);
    const weigh = (list: readonly Content[]): number =>
      list.reduce((sum, { weight }) => sum + weight, 0);
    if (this.setup.messages === "whole") return { messages, weight: weigh(messages) };
    // Of messages in pieces, what was given and is not read waits as well.
    const given = weigh(arrived.slice(0, delivered.length));
    const read = weigh(delivered.map(({ content }) => content));
    return { messages, weight: weigh(messages) + given - read };
  }

  #arriving(): void {
    const { reader, setup, intent } = this;
    const { messages, weight } = this.#waiting;
    this.mayDrop.push(this.#checkRoom());
    if (this.connection.readyState !== 1 || intent.discarded || intent.failed) return;
    if (setup.reading === "deaf" || setup.messages === "stream") return;
    assert.ok(!intent.paused, "a message while paused");
    const asked = messages.slice(0, reader.asks).reduce((sum, { weight }) => sum + weight, 0);
    assert.ok(weight - asked <= setup.receiveHighWaterMark, "a message though more wait than may");
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

  /** Once closing began nobody makes the peer wait: when it is full, all that follows is dropped. */
  #checkRoom(): boolean {
    const { weight } = this.#waiting;
    return this.#overflowed ||= this.intent.closing &&
      weight > this.setup.receiveHighWaterMark / 2;
  }

  /** `close` comes behind all that had come, and behind the handler that works. */
  #checkClose(): void {
    const { intent, reader, spy, setup, gaveUp } = this;
    if (intent.terminated || intent.failed || gaveUp) return;
    assert.equal(reader.pending, 0, "close while a handler works");
    if (intent.discarded || intent.closing || setup.reading === "deaf") return;
    assert.equal(reader.delivered.length, spy.arrived.length, "close before what had come");
  }

  #stopped(): void {
    this.arrivedAtStop ??= this.spy.arrived.length;
  }

  #event(name: string): void {
    this.events.push(name);
    this.check();
    if (name !== "open" && name !== "drain" && !this.reader.pulls && !this.intent.failed) {
      assert.ok(!this.intent.paused, `${name} while paused`);
    }
    if (name === "close") this.#checkClose();
    for (const action of this.#armed.get(name)?.splice(0) ?? []) action();
  }
}
