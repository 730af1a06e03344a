/**
 * Finding a dead link by messages, where a page has no pings: one is sent at intervals, and its answer must
 * come in time.
 *
 * @module
 */
import { CallbackTimer, ReadingTimer, type Timers } from "../../link/timers.ts";
import { checkFunction, checkNames, type OptionNames } from "../../options.ts";
import { readLimit } from "../../limits.ts";
import type { MessageData } from "../../message/message.ts";
import type { SendData } from "../../connection/send_data.ts";

/** What a heartbeat sends, and what it waits for. Times are in milliseconds. */
export interface HeartbeatOptions {
  /** The message to send, or a function that returns it. */
  message: SendData | (() => SendData);
  /** Returns whether a message is the answer: it is then not passed on. */
  isAnswer: (message: MessageData) => boolean;
  /** How often it is sent. @default {20000} */
  interval?: number;
  /** How long the answer may take; the connection is dropped then, and made again. @default {10000} */
  timeout?: number;
}

const HEARTBEAT: OptionNames<HeartbeatOptions> = {
  message: true,
  isAnswer: true,
  interval: true,
  timeout: true,
};

/**
 * Fills in the defaults.
 *
 * @throws {TypeError | RangeError} If something is missing, unknown or invalid.
 */
export function readHeartbeat(given: HeartbeatOptions): Required<HeartbeatOptions> {
  checkNames(given, HEARTBEAT, { prefix: "heartbeat." });
  const { message, isAnswer } = given;
  if (message === undefined || isAnswer === undefined) {
    throw new TypeError("Cannot read options: heartbeat needs message and isAnswer");
  }
  checkFunction("heartbeat.isAnswer", isAnswer);
  const interval = readLimit("heartbeat.interval", given.interval, 20_000);
  if (interval === 0) {
    throw new RangeError("Cannot read options: heartbeat.interval must not be 0");
  }
  const timeout = readLimit("heartbeat.timeout", given.timeout, 10_000);
  return { message, isAnswer, interval, timeout };
}

/** What a heartbeat does to its connection. */
export interface HeartbeatEvents {
  /** Called when it is time to send the message. */
  onBeat(): void;
  /** Called when no answer has come in time. */
  onDead(): void;
}

/** The timers of a heartbeat. */
export class Heartbeat {
  readonly #times: Required<HeartbeatOptions>;
  readonly #timers: Timers;
  readonly #next: CallbackTimer;
  readonly #late: ReadingTimer;
  readonly #events: HeartbeatEvents;

  /** Creates one that does not beat yet. */
  constructor(times: Required<HeartbeatOptions>, timers: Timers, events: HeartbeatEvents) {
    this.#times = times;
    this.#timers = timers;
    this.#events = events;
    this.#next = new CallbackTimer(() => this.beat());
    this.#late = new ReadingTimer(() => events.onDead());
  }

  /** The next beat comes after an interval: the connection is open, or the answer has come. */
  start(): void {
    this.stop();
    this.#timers.set(this.#next, this.#times.interval);
  }

  /** Beats at once, unless an answer is awaited already. */
  beat(): void {
    if (this.#late.pending) return;
    this.#next.cancel();
    this.#timers.set(this.#late, this.#times.timeout);
    this.#events.onBeat();
  }

  /** Beats no more: the connection is closed, or nothing is read, so that an answer would not be seen. */
  stop(): void {
    this.#next.cancel();
    this.#late.cancel();
  }
}
