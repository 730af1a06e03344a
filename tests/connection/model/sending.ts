/** What one end sends: whole or from sources, by `send` or by the writable, and what becomes of it. */

import assert from "node:assert/strict";
import { isSource, type SendData, type SendSource } from "../../../lib/connection/send_data.ts";
import type { MessageType } from "../../../lib/message/message.ts";
import type { VirtualClock } from "../../../lib/testing/clock.ts";
import { bytesOf, Content, textOf } from "./content.ts";
import type { End } from "./end.ts";
import { Source, type SourceKind } from "./source.ts";

/** A message that the connection was asked to send. */
export interface Offer {
  /** What it says; of a source, all that it has given. */
  content(): Content;
  source?: Source;
  state: "waiting" | "accepted" | "refused";
  error?: unknown;
}

/** What the writable is aborted with. */
export const ABORTED: Error = new Error("the writable was aborted");
/** The limit that a source's time is measured by, too. */
export const CLOSE_TIMEOUT = 10_000;

/** Sends, and notes what was asked to be sent, in that order. */
export class Sending {
  readonly offers: Offer[] = [];
  readonly #end: End;
  readonly #clock: VirtualClock;
  #count = 0;
  #writer: WritableStreamDefaultWriter<SendData | SendSource> | undefined;
  #openSources: Source[] = [];
  #writerClosed = false;
  readonly #sources = new WeakMap<object, { source: Source; type: MessageType; typed: boolean }>();

  /** Makes it for an end whose connection is made; it is told of every `send` from now on. */
  constructor(end: End, clock: VirtualClock) {
    this.#end = end;
    this.#clock = clock;
    const { connection } = end;
    const send = connection.send.bind(connection) as (
      data: SendData | SendSource,
      options?: object,
    ) => boolean | Promise<void>;
    const value = (data: SendData | SendSource, options?: object): boolean | Promise<void> =>
      isSource(data)
        ? this.#sendSource(data, () => send(data, options) as Promise<void>)
        : this.#sendWhole(data as string | Uint8Array, () => send(data, options) as boolean);
    Object.defineProperty(connection, "send", { value });
  }

  /** Sends a whole message, directly or by the writable. */
  send(type: MessageType, length: number, by: "send" | "writer"): void {
    const name = this.#name();
    length = Math.min(length, this.#end.setup.largest);
    const data = type === "text" ? textOf(name, length) : bytesOf(name, length);
    if (by === "send") this.#end.connection.send(data);
    else this.#write(data);
    // It was copied: what the caller does to it now is nobody's business.
    if (typeof data !== "string" && by === "send") data.fill(0xdd);
  }

  /** Sends from a source, which gives what it is told to. */
  stream(
    options: { type: MessageType; kind: SourceKind; by: "send" | "writer"; abortable: boolean },
  ): Source {
    const { type, kind, by, abortable } = options;
    const source = new Source(this.#name(), type, () => this.#clock.now());
    const given = source.as(kind);
    if (by === "writer" && this.#writerClosed) return source;
    this.#openSources.push(source);
    this.#sources.set(given, { source, type, typed: by === "send" });
    if (by === "writer") this.#write(given);
    else this.#end.connection.send(given, abortable ? { type, signal: source.signal } : { type });
    return source;
  }

  /** A source fails. */
  failSource(source: Source): void {
    this.#end.intent.sourceFailed = true;
    source.fail(new Error("the source failed"));
  }

  /** A source's signal is aborted; nothing happens if it was sent without one. */
  abortSource(source: Source): void {
    this.#end.intent.sourceFailed = true;
    source.abort();
  }

  /** The sources that are neither ended nor cancelled. */
  get sources(): Source[] {
    return this.#openSources = this.#openSources.filter(({ over }) => !over);
  }

  /** Closes the writable in good order, or not. */
  closeWriter(how: "close" | "abort"): void {
    const writer = this.#getWriter();
    this.#writerClosed = true;
    if (how === "abort") this.#end.intent.sourceFailed = true;
    this.#end.track(`writer.${how}`, how === "close" ? writer.close() : writer.abort(ABORTED));
  }

  /** Whether the connection's writable was used. */
  get usedWriter(): boolean {
    return this.#writer !== undefined;
  }

  #getWriter(): WritableStreamDefaultWriter<SendData | SendSource> {
    if (this.#writer === undefined) {
      this.#writer = this.#end.connection.writable.getWriter();
      this.#writer.closed.catch(() => {});
      this.#writer.ready.catch(() => {});
    }
    return this.#writer;
  }

  #write(data: SendData | SendSource): void {
    const writer = this.#getWriter();
    if (this.#writerClosed) return; // Node's stream throws an internal error for it
    writer.ready.catch(() => {});
    this.#end.track("writer.write", writer.write(data));
  }

  #sendWhole(data: string | Uint8Array, send: () => boolean): boolean {
    const content = Content.of(data);
    const { connection } = this.#end;
    const open = this.#end.canSend, before = connection.stats.messagesSent;
    const over = connection.bufferedAmount > this.#end.setup.sendHighWaterMark;
    const fine = send();
    const accepted = connection.stats.messagesSent > before;
    if (!open) assert.ok(!fine && !accepted, "a message was sent after close");
    if (fine) assert.ok(accepted, "sent, and not counted");
    if (accepted) {
      assert.equal(fine, !over, "judged by what waited before");
      this.offers.push({ content: () => content, state: "accepted" });
    } else if (open) assert.notEqual(connection.readyState, 1, "refused, and yet open");
    return fine;
  }

  #sendSource(data: SendSource, send: () => Promise<void>): Promise<void> {
    const { source, type, typed } = this.#sources.get(data)!;
    const open = this.#end.canSend, asked = source.asked;
    const sent = this.#end.track("send", send());
    const offer: Offer = {
      source,
      state: "waiting",
      content: () => {
        // What is empty and of no type given is binary.
        const content = new Content(source.gave || typed ? type : "binary");
        const given = source.content;
        content.add(typeof given === "string" ? new TextEncoder().encode(given) : given);
        content.complete = source.ended;
        return content;
      },
    };
    this.offers.push(offer);
    sent.then(() => {
      assert.ok(open, "a message was sent after close");
      assert.ok(source.ended, "sent, though its source has not ended");
      offer.state = "accepted";
    }).catch((error) => {
      Object.assign(offer, { state: "refused", error });
      if (!open) assert.equal(source.asked, asked, "read after close");
      else if (this.#stalled(error)) {
        const { askedAt } = source;
        const waited = askedAt === undefined ? 0 : this.#clock.now() - askedAt;
        offer.error = waited < CLOSE_TIMEOUT
          ? new Error("the source was not asked so long")
          : error;
      }
    });
    return sent;
  }

  #stalled(error: unknown): boolean {
    return String(error).includes("nothing from its source");
  }

  #name(): string {
    return `${this.#end.side[0]}${++this.#count}:`;
  }
}
