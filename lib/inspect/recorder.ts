/**
 * Keeps the last events, for a file that other tools read.
 *
 * @module
 */
import { copyOf } from "../frame/memory.ts";
import { readLimit } from "../limits.ts";
import { checkNames, type OptionNames } from "../options.ts";
import type {
  ObservedClose,
  ObservedFrame,
  ObservedMessage,
  ObservedOpening,
  ObservedRefusal,
  Observer,
  RecordedEvent,
} from "./events.ts";
import { type Har, toHar } from "./har.ts";
import { type JsonEvent, toJson } from "./json_events.ts";

/** How much a {@linkcode Recorder} keeps. */
export interface RecorderOptions {
  /** The most events; the oldest gives way to a new one. @default {10000} */
  maxEvents?: number;
  /** The most bytes that are kept of one message; 0 keeps no content. @default {65536} */
  maxPayload?: number;
}

const OPTIONS: OptionNames<RecorderOptions> = { maxEvents: true, maxPayload: true };

/**
 * An observer that keeps the last events, and writes them as HAR, which the network panels of browsers
 * show, or as lines of JSON.
 *
 * @example
 * ```ts
 * import { observe, Recorder } from "@sluice/websocket/inspect";
 * import { pair } from "@sluice/websocket/testing";
 * import assert from "node:assert/strict";
 *
 * const { client, server } = pair();
 * const recorder = new Recorder();
 * using _observation = observe(client, recorder);
 * client.send("Hello");
 * await server.receive();
 * const [{ _webSocketMessages: [sent] }] = recorder.toHar().log.entries;
 * assert.deepEqual([sent.type, sent.opcode, sent.data], ["send", 1, "Hello"]);
 * console.log(recorder.toJsonLines());
 * client.close();
 * await client.closed;
 * ```
 */
export class Recorder implements Observer {
  readonly #maxEvents: number;
  readonly #maxPayload: number;
  /** A ring: once it is full, the oldest is at `#next`. */
  #ring: RecordedEvent[] = [];
  #next = 0;

  /**
   * Creates a recorder.
   *
   * @throws {TypeError | RangeError} If an option is unknown or invalid.
   */
  constructor(options: RecorderOptions = {}) {
    checkNames(options, OPTIONS);
    this.#maxEvents = readLimit("maxEvents", options.maxEvents, 10_000);
    this.#maxPayload = readLimit("maxPayload", options.maxPayload, 65_536);
    if (this.#maxEvents === 0) {
      throw new RangeError("Cannot read options: maxEvents must be at least 1, got 0");
    }
  }

  /** The events that are kept, the oldest first. */
  get events(): readonly RecordedEvent[] {
    return [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
  }

  /** Drops all events. */
  clear(): void {
    this.#ring = [];
    this.#next = 0;
  }

  /**
   * Returns what was kept as HAR 1.2, with an entry for each connection and its messages in
   * `_webSocketMessages`. `send` and `receive` are those of this end.
   */
  toHar(): Har {
    return toHar(this.events);
  }

  /** Returns the events as plain values: what {@linkcode toJsonLines} writes. */
  toJson(): JsonEvent[] {
    return this.events.map(toJson);
  }

  /** Returns the events as JSON, one a line: bytes in base64. */
  toJsonLines(): string {
    return this.toJson().map((event) => `${JSON.stringify(event)}\n`).join("");
  }

  /** @internal From `observe`. */
  open(event: ObservedOpening): void {
    this.#keep({ kind: "open", ...event });
  }

  /** @internal From `observe`. */
  refused(event: ObservedRefusal): void {
    this.#keep({ kind: "refused", ...event });
  }

  /** @internal From `observe`. */
  frame(event: ObservedFrame): void {
    this.#keep({ kind: "frame", ...event });
  }

  /** @internal From `observe`. */
  message(event: ObservedMessage): void {
    const { data } = event, most = this.#maxPayload;
    const kept = typeof data === "string" ? textWithin(data, most) : copyOf(data.subarray(0, most));
    const isComplete = event.isComplete && kept.length === data.length;
    this.#keep({ kind: "message", ...event, data: kept, isComplete });
  }

  /** @internal From `observe`. */
  close(event: ObservedClose): void {
    this.#keep({ kind: "close", ...event });
  }

  #keep(event: RecordedEvent): void {
    if (this.#ring.length < this.#maxEvents) {
      this.#ring.push(event);
      return;
    }
    this.#ring[this.#next] = event;
    this.#next = (this.#next + 1) % this.#maxEvents;
  }
}

/** The longest beginning of a text that has no more bytes of UTF-8. */
function textWithin(text: string, most: number): string {
  if (text.length * 3 <= most) return text;
  const room = new Uint8Array(Math.min(most, text.length * 3));
  return text.slice(0, new TextEncoder().encodeInto(text, room).read);
}
