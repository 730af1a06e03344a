/**
 * A socket of `Bun.serve`'s as a platform's socket: what the adapter gives to Bun as `data`, and what
 * Bun's handlers find there again.
 *
 * @module
 */
import type { MessageData } from "../../message/message.ts";
import { NativeLink, type NativeSocket } from "../../link/native_link.ts";
import type { ResolvedLimits } from "../../protocol/options.ts";
import type { TransportAddress } from "../../link/transport.ts";
import { LimitError, TransportError } from "../../errors.ts";
import { ABNORMAL } from "../../message/close.ts";

/** What is used of Bun's socket. */
export interface BunSocketLike {
  /** What `server.upgrade` was given. */
  readonly data: unknown;
  /** How binary messages are given. */
  binaryType?: string;
  /** Sends a message: how many bytes went, 0 if it was dropped, -1 if some of it waits. */
  send(data: string | Uint8Array<ArrayBuffer>, compress?: boolean): number;
  /** Closes, and reports that at once. */
  close(code?: number, reason?: string): void;
  /** Drops the peer, and reports that at once. */
  terminate(): void;
  /** Sends a ping. */
  ping(payload: Uint8Array): number;
  /** Sends a pong. */
  pong(payload: Uint8Array): number;
  /** Stops reading: what was read already still comes. */
  pause(): unknown;
  /** Reads again. */
  resume(): unknown;
  /** Bytes that wait to leave. */
  getBufferedAmount(): number;
}

/** What a peer is made with. */
export interface BunPeerInit {
  /** The agreed subprotocol, or `""`. */
  readonly protocol: string;
  /** The offer of compression that Bun was shown, or `""`. */
  readonly offer: string;
  /** Limits and times. */
  readonly options: ResolvedLimits;
  /** The peer's address, where known. */
  readonly remoteAddress: TransportAddress | undefined;
  /** Creates the connection; called once the socket is open. */
  readonly open: (link: NativeLink) => void;
}

/** What the server was set to, as far as its handlers know. */
export interface BunServerInfo {
  /** Each connection has a context of its own to compress with. */
  readonly perMessageDeflate: boolean;
  /** Bun's own limit of a message. */
  readonly maxPayloadLength: number;
}

const capabilities = {
  pause: true,
  ping: true,
  compression: true,
  streaming: false,
  anyCloseCode: true,
};

/** Shorter messages are sent as they are: that is what `threshold` is elsewhere, unless set. */
const THRESHOLD = 64;

/** One peer, from its upgrade on. */
export class BunPeer implements NativeSocket {
  readyState = 0;
  extensions = "";
  readonly protocol: string;
  #init: BunPeerInit | undefined;
  readonly #options: ResolvedLimits;
  #socket!: BunSocketLike;
  #link!: NativeLink;
  /** Bun holds something, or did when it was last asked: to ask costs as much as to send. */
  #holds = false;
  /** It is closed, or our own call is about to: then Bun reports the end from within that call. */
  #leaving = false;
  #pings = 0;
  #pingsSince = 0;

  constructor(init: BunPeerInit) {
    this.#init = init;
    this.#options = init.options;
    this.protocol = init.protocol;
  }

  get bufferedAmount(): number {
    if (!this.#holds) return 0;
    const amount = this.#socket.getBufferedAmount();
    this.#holds = amount > 0;
    return amount;
  }

  send(data: string | Uint8Array<ArrayBuffer>, compress = true): void {
    const sent = this.#socket.send(data, compress && data.length >= THRESHOLD);
    if (sent > 0) return;
    this.#holds = true;
    // Only with a `backpressureLimit` of the user's: a gap between messages must not stay unseen.
    if (sent === 0 && data.length > 0) this.#link.overflow(this.#socket.getBufferedAmount());
  }

  close(code?: number, reason?: string): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#socket.close(code ?? 1005, reason); // without a code Bun would send 1000
  }

  terminate(): void {
    this.#leaving = true;
    this.#socket.terminate();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#leaving) this.#socket.resume();
  }

  ping(payload: Uint8Array): void {
    this.#socket.ping(payload);
  }

  /** Sends a pong. */
  pong(payload: Uint8Array): void {
    this.#socket.pong(payload);
  }

  /** From Bun: it is open. */
  onOpen(socket: BunSocketLike, facts: BunServerInfo): void {
    const { offer, options, remoteAddress, open } = this.#init!;
    this.#init = undefined;
    this.#socket = socket;
    this.readyState = 1;
    socket.binaryType = "uint8array"; // each with memory of its own, which is the user's
    if (facts.perMessageDeflate) this.extensions = offer;
    const trusted = { tellsDrain: true, anyMemory: true };
    this.#link = new NativeLink(this, { options, capabilities, remoteAddress, ...trusted });
    open(this.#link);
  }

  /** From Bun: a message. */
  onMessage(data: string | Uint8Array): void {
    this.#link.onMessage(data as MessageData); // each has an ArrayBuffer of its own
  }

  /** From Bun: some of what waited has left. */
  onDrain(): void {
    this.#link.onDrain();
  }

  /** From Bun, which answers it: a ping. */
  onPing(payload: Uint8Array): void {
    const { maxPingsPerSecond: limit, clock } = this.#options;
    const now = clock.now();
    if (now - this.#pingsSince >= 1000) {
      this.#pingsSince = now;
      this.#pings = 0;
    }
    if (++this.#pings <= limit) return this.#link.onPing(payload as Uint8Array<ArrayBuffer>);
    const error = new LimitError(
      `Cannot answer ping: more than ${limit} came in a second (maxPingsPerSecond)`,
      { option: "maxPingsPerSecond", limit, actual: this.#pings, closeCode: 1008 },
    );
    this.#link.fail({ closeCode: 1008, reason: "maxPingsPerSecond" }, error);
  }

  /** From Bun: a pong. */
  onPong(payload: Uint8Array): void {
    this.#link.onPong(payload as Uint8Array<ArrayBuffer>);
  }

  /** From Bun: it is closed. It never reports whether a Close of ours was answered. */
  onClose(code: number, reason: string, facts: BunServerInfo): void {
    const link = this.#link;
    if (this.#leaving) {
      this.readyState = 3;
      return queueMicrotask(() => link.onClose({ code, reason }));
    }
    this.#leaving = true;
    // No peer can send 1006: with a reason it is Bun's own, which failed the connection.
    if (code === ABNORMAL && reason !== "") fail(link, reason, facts);
    this.readyState = 3;
    link.onClose({ code, reason, wasClean: code !== ABNORMAL });
  }
}

/** Only the text says what Bun wrote in a Close, if it sent one. */
function fail(link: NativeLink, reason: string, { maxPayloadLength: limit }: BunServerInfo): void {
  if (!reason.startsWith("Received ")) {
    const code = reason.includes("timed out") ? "TIMED_OUT" : "IO_FAILED";
    return link.onError(new TransportError(code, `Bun dropped the peer: ${reason}`));
  }
  if (reason === "Received too big message") {
    const error = new LimitError(`The message is too long: maxPayloadLength is ${limit}`, {
      option: "maxMessageSize",
      limit,
      actual: limit + 1, // at least
      closeCode: 1009,
    });
    return link.fail({ closeCode: 1009, reason }, error);
  }
  const closeCode = reason === "Received invalid UTF-8" ? 1007 : 1002;
  link.fail({ closeCode, reason }, new TransportError("IO_FAILED", `Bun failed it: ${reason}`));
}
