/**
 * Sends a Response over a transport: its body as it comes, and no faster than the peer takes it.
 *
 * @module
 */
import { afterTurn } from "../link/turn.ts";
import type { Clock } from "../protocol/clock.ts";
import { ReadingTimer, Timers } from "../link/timers.ts";
import type { Transport } from "../link/transport.ts";
import { quote } from "../handshake/grammar.ts";
import { OverdueError } from "./failures.ts";

/** The largest write, in bytes: a peer that takes so much within `closeTimeout` is alive. */
const SLICE = 65_536;
/**
 * With no more than this before the newest chunk, in bytes, one more read may show that it was the
 * last.
 */
const MAX_HELD = 65_536;
/** The number of microtasks within which a body that is in memory gives its next chunk. */
const SOON = 32;
/** The bytes of a body that is always ready after which everything else has its turn. */
const MAX_IN_TURN = 1_048_576;
/** What a chunk counts on top of its size, so that empty ones count as well. */
const CHUNK_COST = 1_024;
/** How often to look, in milliseconds, whether the system has taken the rest. */
const POLL_INTERVAL = 100;

const EMPTY = /* @__PURE__ */ new Uint8Array(0);
const CRLF = Uint8Array.of(13, 10);
const utf8 = /* @__PURE__ */ new TextEncoder();
/** RFC 9112 section 7.1: the last chunk, and no trailers. */
const LAST_CHUNK = utf8.encode("0\r\n\r\n");

/** How the end of the body is found. */
export interface BodyFraming {
  /** The length of the body in bytes; undefined if it is not known. */
  contentLength: number | undefined;
  /** Whether the body is sent in chunks (RFC 9112 section 7.1). */
  chunked: boolean;
}

/** How to send a Response. */
export interface ResponseSenderOptions {
  /** Where to. The caller passes its drain and its close on to `onDrain` and `cancel`. */
  transport: Transport;
  /**
   * How long the body may take for its first chunk, in milliseconds, and for any other one once the
   * peer has ended its direction.
   */
  handshakeTimeout: number;
  /** How long the peer may take nothing, in milliseconds. */
  closeTimeout: number;
  /** The source of time. */
  clock: Clock;
  /** Whether the body is sent: in answer to HEAD it is not. */
  sendBody: boolean;
  /** Whether a body of unknown length is sent in chunks: HTTP/2 needs none. */
  canChunk: boolean;
  /**
   * Returns the bytes of the head, which leave with the beginning of the body; or sends the head, and
   * returns no bytes.
   */
  head(framing: BodyFraming): Uint8Array;
  /** Called when the head leaves: no other answer can be given from then on. */
  onHead?(): void;
  /** Called when the peer has taken what had to wait. */
  onProgress?(): void;
}

/** What is used of the reader of a body; the platforms' types differ in the rest. */
interface BodyReader {
  read(): Promise<{ done: boolean; value?: unknown }>;
  cancel(reason?: unknown): Promise<void>;
}

/** Sends one Response. */
export class ResponseSender {
  readonly #response: Response;
  readonly #options: ResponseSenderOptions;
  readonly #timers: Timers;
  readonly #timer = new ReadingTimer(() => this.#onLate?.());
  #onLate: (() => void) | undefined;
  /** Ends what is waited for. */
  #settle: ((done: boolean) => void) | undefined;
  #reader: BodyReader | undefined;
  /** The read that is under way. */
  #next: Promise<Uint8Array | undefined> | undefined;
  /** What the body gave before the head left. */
  readonly #held: Uint8Array[] = [];
  /** Whether the body was read to its end. */
  #bodyEnded = false;
  #headSent = false;
  #cancelled = false;
  #awaitsDrain = false;
  #awaitsBody = false;
  #peerEnded = false;
  #inTurn = 0;

  /** Creates a sender; nothing happens before `send`. */
  constructor(response: Response, options: ResponseSenderOptions) {
    this.#response = response;
    this.#options = options;
    this.#timers = Timers.of(options.clock);
  }

  /** Whether the head has left. */
  get headSent(): boolean {
    return this.#headSent;
  }

  /**
   * Sends the head and the body, ends our direction, and resolves with true once the system has taken
   * all of it; with false if it was cancelled, or the peer took nothing for `closeTimeout`. Rejects
   * with what is wrong with the body or the head. If the head has left by then, the transport must be
   * closed, so that the peer does not take what it has for the whole.
   *
   * However it ends, a body that was not read to its end is cancelled.
   */
  async send(): Promise<boolean> {
    let reason: unknown = new DOMException("The answer to HEAD has no body", "AbortError");
    try {
      const sent = await this.#send();
      if (!sent) {
        const { closeTimeout } = this.#options;
        reason = new DOMException(
          `The client took nothing for ${closeTimeout} ms (closeTimeout)`,
          "TimeoutError",
        );
      }
      return sent;
    } catch (error) {
      reason = error;
      throw error;
    } finally {
      this.cancel(reason);
    }
  }

  /** Goes on, after the transport had to wait. */
  onDrain(): void {
    if (this.#awaitsDrain) this.#settle?.(true);
  }

  /** The peer has ended its direction: it may still read, or have left. */
  onEnd(): void {
    this.#peerEnded = true;
    if (this.#awaitsBody) this.#timers.set(this.#timer, this.#options.handshakeTimeout);
  }

  /** Stops, and cancels the body. */
  cancel(reason: unknown): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#settle?.(false);
    if (this.#reader === undefined) cancelBody(this.#response, reason);
    else this.#reader.cancel(reason).catch(() => {});
  }

  async #send(): Promise<boolean> {
    const { sendBody, canChunk } = this.#options;
    const { status } = this.#response;
    // RFC 9110 section 8.6: in answer to HEAD and with 304 it is the length that a GET would have got.
    const bodyless = !sendBody || status === 304;
    const declared = bodyless ? declaredLength(this.#response) : undefined;
    if (declared === undefined) await this.#readBeginning();
    if (this.#cancelled) return false;
    const known = this.#bodyEnded && status !== 304 ? sizeOf(this.#held) : undefined;
    const contentLength = declared ?? known ?? declaredLength(this.#response);
    const chunked = canChunk && !bodyless && contentLength === undefined;
    const head = this.#options.head({ contentLength, chunked });
    this.#headSent = true;
    this.#options.onHead?.();
    const sent = bodyless
      ? await this.#write(head)
      : await this.#sendBody(head, { contentLength, chunked });
    if (!sent) return false;
    this.#options.transport.closeWrite();
    return await this.#flushed();
  }

  async #sendBody(head: Uint8Array, { contentLength, chunked }: BodyFraming): Promise<boolean> {
    let before = head, size = 0;
    for (;;) {
      const chunk = this.#held.shift() ?? await this.#nextChunk();
      if (this.#cancelled) return false;
      if (chunk === undefined) break;
      size += chunk.length;
      if (contentLength !== undefined && size > contentLength) failLength("longer", contentLength);
      for (let at = 0; at < chunk.length; at += SLICE) {
        const slice = chunk.subarray(at, at + SLICE);
        const bytes = chunked
          ? join(before, utf8.encode(`${slice.length.toString(16)}\r\n`), slice, CRLF)
          : join(before, slice);
        before = EMPTY;
        if (!await this.#write(bytes)) return false;
      }
    }
    if (contentLength !== undefined && size < contentLength) failLength("shorter", contentLength);
    return await this.#write(join(before, chunked ? LAST_CHUNK : EMPTY));
  }

  /**
   * Reads what the body has in memory. Most are a text or a few bytes, whose length is then known; of
   * any other only the first chunk is waited for, and the head leaves with it.
   */
  async #readBeginning(): Promise<void> {
    for (let held = 0, newest = 0; held <= MAX_HELD;) {
      this.#next ??= this.#read();
      if (this.#held.length > 0 && !await isSoon(this.#next)) return;
      const chunk = await this.#nextChunk();
      if (chunk === undefined) return;
      if (chunk.length > 0) this.#held.push(chunk);
      held += newest + CHUNK_COST;
      newest = chunk.length;
    }
  }

  /** Returns the next chunk: undefined at the end, and once it was cancelled. */
  async #nextChunk(): Promise<Uint8Array | undefined> {
    if (this.#bodyEnded || this.#cancelled) return undefined;
    const next = this.#next ?? this.#read(), { handshakeTimeout } = this.#options;
    this.#next = undefined;
    const settle = (): void => this.#settle?.(true);
    next.then(settle, settle);
    // A stream of events may be silent for as long as it likes, while its client is there.
    this.#awaitsBody = true;
    const came = await this.#wait(this.#headSent && !this.#peerEnded ? Infinity : handshakeTimeout);
    this.#awaitsBody = false;
    if (this.#cancelled) return undefined;
    if (!came) {
      throw new OverdueError(
        `Cannot send the answer: its body gave nothing for ${handshakeTimeout} ms (handshakeTimeout)`,
        handshakeTimeout,
      );
    }
    const chunk = await next;
    this.#bodyEnded = chunk === undefined;
    await this.#shareTurn(CHUNK_COST);
    return chunk;
  }

  async #read(): Promise<Uint8Array | undefined> {
    if (this.#reader === undefined) {
      const response = this.#response;
      // A Response of another class may have a body of another kind.
      const body = response.body === null || isStream(response.body)
        ? response.body
        : new Response(await response.arrayBuffer()).body;
      if (body === null) return undefined;
      this.#reader = body.getReader();
    }
    const { done, value } = await this.#reader.read();
    if (done) return undefined;
    if (value instanceof Uint8Array) return value;
    throw new TypeError(
      `Cannot send the answer: its body gave a chunk of type ${typeof value}, which must be a Uint8Array`,
    );
  }

  /** Writes, and waits until more may be written; false if there is no point in going on. */
  async #write(bytes: Uint8Array): Promise<boolean> {
    await this.#shareTurn(bytes.length);
    if (this.#cancelled) return false;
    const { transport, closeTimeout, onProgress } = this.#options;
    if (bytes.length === 0 || transport.write(bytes).more) return true;
    let left = transport.bufferedAmount;
    this.#awaitsDrain = true;
    const taken = await this.#wait(closeTimeout, () => {
      if (transport.bufferedAmount >= left) return false;
      left = transport.bufferedAmount;
      onProgress?.();
      return true;
    });
    this.#awaitsDrain = false;
    if (taken) onProgress?.();
    return taken;
  }

  /** Waits until the system has taken what `write` did not have to wait for. */
  async #flushed(): Promise<boolean> {
    const { transport, closeTimeout, clock } = this.#options;
    let left = transport.bufferedAmount, since = clock.now();
    while (left > 0 && clock.now() - since < closeTimeout) {
      await this.#wait(POLL_INTERVAL);
      if (this.#cancelled) return false;
      if (transport.bufferedAmount < left) since = clock.now();
      left = transport.bufferedAmount;
    }
    return left === 0;
  }

  /** Lets everything else have its turn, now and then: neither a body nor a peer need ever wait. */
  async #shareTurn(cost: number): Promise<void> {
    this.#inTurn += cost;
    if (this.#inTurn <= MAX_IN_TURN) return;
    this.#inTurn = 0;
    await new Promise<void>((resolve) => afterTurn(resolve));
  }

  /**
   * Waits, for `span` at most, and as often again as `goesOn` returns true. Resolves with false when
   * the time is over or the sending is cancelled.
   */
  #wait(span: number, goesOn: () => boolean = (): boolean => false): Promise<boolean> {
    return new Promise((resolve) => {
      this.#settle = (done): void => {
        this.#settle = undefined;
        this.#timer.cancel();
        resolve(done);
      };
      this.#onLate = (): void => {
        if (goesOn()) this.#timers.set(this.#timer, span);
        else this.#settle?.(false);
      };
      this.#timers.set(this.#timer, span);
    });
  }
}

/**
 * Returns the reason for which a request's signal aborts, and the body of its answer is cancelled.
 */
export function clientLeft(): DOMException {
  return new DOMException("The client went away", "AbortError");
}

/** Cancels the body of a Response that is not sent; of any other value nothing. */
export function cancelBody(response: unknown, reason: unknown): void {
  const body = (response as Partial<Response> | null | undefined)?.body;
  if (isStream(body) && !body.locked) body.cancel(reason).catch(() => {});
}

function isStream(body: unknown): body is ReadableStream<Uint8Array> {
  return typeof (body as Partial<ReadableStream> | null | undefined)?.getReader === "function";
}

/** Returns the length that a Response's own headers declare. */
function declaredLength({ headers }: Response): number | undefined {
  const text = headers.get("content-length");
  if (text === null) return undefined;
  const length = Number(text);
  if (Number.isSafeInteger(length) && length >= 0 && String(length) === text) return length;
  throw new TypeError(`Cannot send the answer: ${quote(text)} is not a valid Content-Length`);
}

function failLength(which: "longer" | "shorter", contentLength: number): never {
  throw new TypeError(
    `Cannot send the answer: its body is ${which} than its Content-Length of ${contentLength}`,
  );
}

function sizeOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((size, { length }) => size + length, 0);
}

/** Whether a promise settles without anything from outside. */
async function isSoon(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => void (settled = true);
  promise.then(settle, settle);
  for (let turn = 0; turn < SOON && !settled; turn++) await undefined;
  return settled;
}

function join(...chunks: readonly Uint8Array[]): Uint8Array {
  const filled = chunks.filter(({ length }) => length > 0);
  if (filled.length === 1) return filled[0];
  const joined = new Uint8Array(sizeOf(filled));
  let at = 0;
  for (const chunk of filled) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}
