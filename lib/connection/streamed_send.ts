/**
 * A message that is sent as it is read, in fragments (RFC 6455 section 5.4).
 *
 * @module
 */
import type { CallSite } from "../call_site.ts";
import { LimitError } from "../errors.ts";
import type { MessageType } from "../message/message.ts";
import { Utf8Checker } from "../message/utf8.ts";
import { toError } from "../thrown.ts";
import { CallbackTimer, ReadingTimer, type Timers } from "../link/timers.ts";
import type { Link } from "../link/link.ts";
import { bytesOf, type SendData, type SendReader, type SendSourceOptions } from "./send_data.ts";

/** The size of the fragments into which what is read is collected, in bytes. */
const FRAGMENT_SIZE = 65_536;
/** How long a fragment is collected at most, in milliseconds, if the source is slow. */
const COLLECT_TIME = 10;

const utf8 = /* @__PURE__ */ new TextEncoder();
const EMPTY = /* @__PURE__ */ new Uint8Array(0);

/** What an outgoing message stands on. */
export interface SendContext {
  readonly link: Link;
  readonly timers: Timers;
  /** The call that sends it. */
  readonly caller: CallSite;
  /** Resolves when the link is below its high-water mark, or closed. */
  untilDrain(): Promise<void>;
  /** How the connection ended. */
  closedError(): Error;
}

/**
 * Reads a source and sends it as one message.
 *
 * When the source fails, or is given up, before anything was sent, nothing is: the connection goes
 * on. Later the message cannot be completed, and no other can follow it: the connection is closed
 * with 1011. How long the source takes is no concern of the peer's.
 */
export class StreamedSend {
  readonly #reader: SendReader;
  readonly #context: SendContext;
  readonly #signal: AbortSignal | undefined;
  readonly #compress: boolean | undefined;
  readonly #settled = Promise.withResolvers<void>();
  #type: MessageType | undefined;
  #utf8: Utf8Checker | undefined;
  /** The first half of a pair of surrogates, when a string ended with it. */
  #carry = "";
  #collected: Uint8Array<ArrayBuffer> = EMPTY;
  #size = 0;
  #begun = false;
  #over = false;
  /** The link is past its mark, though the fragment that did it could not wait for room. */
  #full: Promise<void> | undefined;
  #reading = false;
  #patience = Infinity;
  readonly #leaveTimer = new CallbackTimer(() => this.#leave());
  readonly #stallTimer = new ReadingTimer(() => this.#stalled());
  readonly #abort = (): void => this.stop(this.#signal!.reason);

  /** Creates one; nothing is read before `run`. */
  constructor(
    reader: SendReader,
    options: SendSourceOptions & { type: MessageType | undefined },
    way: SendContext,
  ) {
    this.#reader = reader;
    this.#type = options.type;
    this.#signal = options.signal;
    this.#compress = options.compress;
    this.#context = way;
    // A caller that ignores this promise finds the reason in `closed`.
    this.#settled.promise.catch(() => {});
    if (this.#signal?.aborted) this.stop(this.#signal.reason);
    else this.#signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /** Resolves when the last fragment has been encoded; rejects with what came in between. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  /** Reads and sends, until the source or the connection ends. */
  async run(): Promise<void> {
    try {
      while (!this.#over) {
        const { done, value } = await this.#read();
        if (this.#full !== undefined) await this.#full;
        this.#full = undefined;
        if (this.#over) return;
        if (!done) await this.#take(value as SendData);
        else return await this.#finish();
      }
    } catch (error) {
      this.stop(error);
    }
  }

  /** Limits the time that the source may take for each chunk, in milliseconds: others wait for it. */
  setReadTimeout(patience: number): void {
    this.#patience = patience;
    if (this.#reading) this.#context.timers.set(this.#stallTimer, patience);
  }

  /** Cancels the message, because of `reason`. */
  stop(reason: unknown): void {
    if (!this.#end()) return;
    this.#reader.cancel(reason);
    const { link } = this.#context;
    if (this.#begun && link.canSend) {
      link.fail({ closeCode: 1011, reason: "" }, toError(reason));
    }
    this.#settled.reject(this.#context.caller.addTo(reason));
  }

  /** How long the peer takes is no concern of the source's: the time is set for reading alone. */
  async #read(): ReturnType<SendReader["read"]> {
    this.#reading = true;
    if (this.#patience !== Infinity) this.setReadTimeout(this.#patience);
    const result = await this.#reader.read();
    this.#reading = false;
    this.#stallTimer.cancel();
    return result;
  }

  async #finish(): Promise<void> {
    if (this.#carry !== "") await this.#take(EMPTY);
    if (this.#over) return;
    if (this.#utf8?.complete === false) throw notUtf8();
    this.#leaveTimer.cancel();
    const { link } = this.#context;
    if (!link.canSend) return await this.#closing();
    this.#begin();
    link.writeMessage(this.#collected.subarray(0, this.#size), true);
    this.#end();
    this.#settled.resolve();
  }

  /** False if it was over already. */
  #end(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#reading = false; // nothing waits for the source any more
    this.#collected = EMPTY;
    this.#leaveTimer.cancel();
    this.#stallTimer.cancel();
    this.#signal?.removeEventListener("abort", this.#abort);
    return true;
  }

  async #take(chunk: SendData): Promise<void> {
    const bytes = this.#bytes(chunk);
    let at = 0;
    while (at < bytes.length) {
      const left = bytes.length - at;
      if (this.#size === 0 && left >= FRAGMENT_SIZE) {
        await this.#send(bytes.subarray(at, at += FRAGMENT_SIZE));
      } else {
        const part = Math.min(left, FRAGMENT_SIZE - this.#size);
        this.#collect(bytes.subarray(at, at += part));
        if (this.#size === FRAGMENT_SIZE) await this.#send(this.#collected);
      }
      if (this.#over) return;
    }
    if (this.#size > 0 && !this.#leaveTimer.pending) {
      this.#context.timers.set(this.#leaveTimer, COLLECT_TIME);
    }
  }

  #collect(part: Uint8Array): void {
    const needed = this.#size + part.length;
    if (needed > this.#collected.length) {
      const grown = new Uint8Array(Math.min(Math.max(needed, this.#size * 4), FRAGMENT_SIZE));
      grown.set(this.#collected.subarray(0, this.#size));
      this.#collected = grown;
    }
    this.#collected.set(part, this.#size);
    this.#size = needed;
  }

  /** Sends a fragment that is not the last. */
  async #send(fragment: Uint8Array): Promise<void> {
    const { link } = this.#context;
    if (!link.canSend) return await this.#closing();
    this.#begin();
    this.#size = 0;
    this.#leaveTimer.cancel();
    if (!link.writeMessage(fragment, false)) await this.#context.untilDrain();
  }

  /** Closing has begun: the source is cancelled, and `stop` settles the promise when the end is known. */
  #closing(): Promise<void> {
    this.#reader.cancel(this.#context.closedError());
    return this.#settled.promise;
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#context.link.beginMessage(this.#type ?? "binary", this.#compress);
  }

  #leave(): void {
    const { link } = this.#context;
    if (this.#size === 0 || !link.canSend) return;
    this.#begin();
    const part = this.#collected.subarray(0, this.#size);
    if (!link.writeMessage(part, false)) this.#full = this.#context.untilDrain();
    this.#size = 0;
  }

  #stalled(): void {
    const limit = this.#patience;
    this.stop(
      new LimitError(
        `Cannot close in good order: a message under way got nothing from its source within ` +
          `${limit} ms (closeTimeout)`,
        { option: "closeTimeout", limit, actual: limit, closeCode: 1008 },
      ),
    );
  }

  #bytes(chunk: SendData): Uint8Array {
    const isText = typeof chunk === "string";
    this.#type ??= isText ? "text" : "binary";
    if (!isText) {
      const bytes = bytesOf(chunk);
      if (this.#carry === "") return this.#check(bytes);
      this.#carry = ""; // a surrogate that stays alone, before what follows it
      const joined = new Uint8Array(3 + bytes.length);
      joined.set(utf8.encode("\ufffd"));
      joined.set(bytes, 3);
      return this.#check(joined);
    }
    if (this.#type === "binary") {
      throw new TypeError("Cannot send: the source of a binary message gave a string");
    }
    const text = this.#carry + chunk;
    const last = text.charCodeAt(text.length - 1);
    const cut = last >= 0xd800 && last < 0xdc00 ? text.length - 1 : text.length;
    this.#carry = text.slice(cut);
    return this.#check(utf8.encode(text.slice(0, cut)));
  }

  /** Text that is given as bytes must be UTF-8, or the peer would close with 1007. */
  #check(bytes: Uint8Array): Uint8Array {
    if (this.#type !== "text") return bytes;
    this.#utf8 ??= new Utf8Checker();
    if (!this.#utf8.push(bytes)) throw notUtf8();
    return bytes;
  }
}

function notUtf8(): TypeError {
  return new TypeError("Cannot send: the source of a text message gave bytes that are not UTF-8");
}
