/**
 * Our protocol over a transport: it moves bytes between the two, gathers what leaves into one write,
 * and minds the times.
 *
 * @module
 */
import { type CloseInfo, type CloseStatus, LimitError, TransportError } from "../errors.ts";
import type { Role } from "../frame/opcode.ts";
import { ABNORMAL } from "../message/close.ts";
import type { MessageExtension } from "../message/extension.ts";
import { Deadline, Deadlines } from "./deadlines.ts";
import {
  type Capabilities,
  CLOSED,
  CLOSING,
  type Link,
  type LinkSink,
  OPEN,
  type ReadyState,
} from "./link.ts";
import type { ResolvedConnectionOptions } from "./options.ts";
import { Protocol } from "./protocol.ts";
import type { Transport, TransportAddress, TransportSink } from "./transport.ts";

/** Output of this size leaves at once, though more may follow in the same tick. */
const FLUSH_SIZE = 64 * 1024;
/** How many microtasks output must have stopped growing for, before it leaves. */
const QUIET_TURNS = 4;
/**
 * A peer that broke a rule and then was quiet for so long, in milliseconds, has finished what it was
 * sending and has had its chance to read why we close.
 */
const LINGER_QUIET = 2_000;

const nothing = new Uint8Array(0);
const everything: Capabilities = { pause: true, ping: true, anyCloseCode: true };

/** What a {@linkcode ProtocolLink} is made of. */
export interface ProtocolLinkInit {
  /** This end's role. */
  role: Role;
  /** The bytes below, after the opening handshake. */
  transport: Transport;
  /** The agreed subprotocol. @default {""} */
  protocol?: string;
  /** The agreed extension. */
  extension?: MessageExtension | undefined;
  /** Limits and times. */
  options: ResolvedConnectionOptions;
}

/** A link over a transport: everything works here. */
export class ProtocolLink implements Link {
  /** What it can do: everything. */
  readonly capabilities: Capabilities = everything;
  /** The agreed subprotocol, or `""`. */
  readonly protocol: string;
  /** The agreed extensions, or `""`. */
  readonly extensions: string;

  readonly #role: Role;
  readonly #transport: Transport;
  readonly #protocol: Protocol;
  readonly #options: ResolvedConnectionOptions;
  readonly #deadlines: Deadlines;
  #sink!: LinkSink;

  /** Bytes that came while reading was paused, or behind the message at which it stopped. */
  #held: Uint8Array = nothing;
  #paused = false;
  #inPass = false;
  #ended = false;

  /** The transport has not taken all of the last write. */
  #blocked = false;
  /** A frame has left in part: what is in the output belongs to it, or stands behind it. */
  #frameBegun = false;
  #wantsDrain = false;
  #flushSoon = false;
  #quietTurns = 0;
  #lengthSeen = 0;
  #stalledAt = 0;

  /** Our Close has been handed to the system; what still comes is dropped. */
  #closeLeft = false;
  #lingering = false;
  #terminated = false;
  #closed = false;
  #error: Error | undefined;

  /** Something came since the ping that began the wait for a sign of life. */
  #heard = true;
  readonly #pingDue = new Deadline(() => this.#pingNow());
  readonly #pongDue = new Deadline(() => this.#silent());
  readonly #sendDue = new Deadline(() => this.#stalled());
  readonly #closeDue = new Deadline(() => this.#transport.close());
  readonly #quietDue = new Deadline(() => this.#transport.close());

  /** Makes the link; nothing moves before `start`. */
  constructor(init: ProtocolLinkInit) {
    this.#role = init.role;
    this.#transport = init.transport;
    this.protocol = init.protocol ?? "";
    this.extensions = init.extension?.header ?? "";
    this.#options = init.options;
    this.#deadlines = Deadlines.of(init.options.clock);
    const { role, extension } = init;
    const flush = (): boolean => {
      if (this.#blocked) return false;
      const all = this.#flushNow();
      // It may be in the middle of a frame that the way out has just been blocked.
      if (!all) this.#frameBegun = true;
      return all;
    };
    this.#protocol = new Protocol({ role, extension, flush, ...init.options }, {
      message: (data): void => this.#sink.message(data),
      ping: (payload): void => this.#sink.ping(payload),
      pong: (payload): void => this.#sink.pong(payload),
      closeReceived: (): void => this.#release(),
      failed: (error): void => {
        this.#error ??= error;
        this.#release();
      },
    });
  }

  /** The peer's address, where known. */
  get remoteAddress(): TransportAddress | undefined {
    return this.#transport.remoteAddress;
  }

  /** Where it stands. */
  get readyState(): ReadyState {
    if (this.#closed || this.#terminated) return CLOSED;
    return this.#protocol.open ? OPEN : CLOSING;
  }

  /** Bytes on their way out that the system has not taken. */
  get bufferedAmount(): number {
    return this.#protocol.output.length + this.#transport.bufferedAmount;
  }

  /** Begins to tell `sink`. */
  start(sink: LinkSink): void {
    this.#sink = sink;
    const below: TransportSink = {
      data: (chunk): void => this.#data(chunk),
      drain: (): void => this.#drain(),
      end: (): void => this.#end(),
      close: (error): void => this.#finish(error),
    };
    this.#transport.start(below);
    this.#deadlines.set(this.#pingDue, this.#options.pingInterval);
  }

  /** Takes the bytes that came right behind the handshake, once, after `start`. */
  feed(head: Uint8Array): void {
    if (head.length > 0) this.#data(head);
  }

  /** Sends a message: false above the high-water mark, or once closing began. */
  send(data: string | Uint8Array): boolean {
    if (this.readyState !== OPEN) return false;
    const { maxBufferedAmount, sendHighWaterMark } = this.#options;
    const before = this.bufferedAmount;
    if (before > maxBufferedAmount) return this.#overflow(before, maxBufferedAmount);
    this.#protocol.send(data);
    this.#written();
    if (this.bufferedAmount <= sendHighWaterMark) return true;
    this.#wantsDrain = true;
    return false;
  }

  /** Sends a ping with this payload. */
  ping(payload: Uint8Array): void {
    if (this.readyState !== OPEN) return;
    this.#protocol.sendPing(payload);
    this.#written();
  }

  /** Begins the closing handshake (section 7.1.2). */
  close(status: CloseStatus): void {
    if (this.readyState !== OPEN) return;
    this.#protocol.sendClose(status);
    this.#release();
    this.#written();
    this.resume();
  }

  /** Closes because of an error, which `closed` will tell. */
  fail(status: CloseStatus, error: Error): void {
    this.#error ??= error;
    this.close(status);
  }

  /** Drops the peer at once. */
  terminate(): void {
    this.#terminated = true;
    if (this.#inPass) this.#protocol.stopReading();
    this.#transport.close();
  }

  /** Stops decoding after the message at hand, and reading. */
  pause(): void {
    if (this.#paused || this.readyState !== OPEN) return;
    this.#paused = true;
    if (this.#inPass) this.#protocol.stopReading();
    this.#transport.pause();
  }

  /** Decodes what is held, soon, then reads again. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    // While paused a pong may lie unread: the peer gets the whole time again.
    if (!this.#heard && this.readyState === OPEN) {
      this.#deadlines.set(this.#pongDue, this.#options.pingTimeout);
    }
    if (this.#held.length === 0) this.#transport.resume();
    else queueMicrotask(() => this.#catchUp());
  }

  #data(chunk: Uint8Array): void {
    this.#heard = true;
    if (this.#terminated) return;
    if (this.#lingering) {
      if (this.#quietDue.pending) this.#deadlines.set(this.#quietDue, LINGER_QUIET);
    } else if (this.#paused || this.#held.length > 0) this.#hold(chunk, 0);
    else this.#pass(chunk);
  }

  /** One synchronous pass over a chunk; all that it makes leaves in one write. */
  #pass(chunk: Uint8Array): void {
    this.#inPass = true;
    const read = this.#protocol.receive(chunk);
    this.#inPass = false;
    if (read < chunk.length) {
      this.#hold(chunk, read);
      if (!this.#paused) queueMicrotask(() => this.#catchUp());
    }
    this.#flush();
  }

  /** Keeps a copy of what cannot be decoded yet. */
  #hold(chunk: Uint8Array, from: number): void {
    const held = new Uint8Array(this.#held.length + chunk.length - from);
    held.set(this.#held);
    held.set(from === 0 ? chunk : chunk.subarray(from), this.#held.length);
    this.#held = held;
  }

  #catchUp(): void {
    if (this.#paused || this.#closed || this.#terminated) return;
    const held = this.#held;
    this.#held = nothing;
    if (held.length > 0) this.#pass(held);
    if (this.#paused || this.#held.length > 0) return;
    if (this.#ended) this.#end();
    else this.#transport.resume();
  }

  /** Something was added to the output: it leaves at the end of the pass, or of the tick. */
  #written(): void {
    const { output } = this.#protocol;
    if (this.#blocked) return output.settle();
    if (output.length >= FLUSH_SIZE) return this.#flush();
    if (this.#inPass || this.#flushSoon) return;
    this.#flushSoon = true;
    this.#quietTurns = 0;
    this.#lengthSeen = 0;
    queueMicrotask(this.#turn);
  }

  /**
   * Code that awaits between two sends goes on some microtasks later: so the output leaves when it
   * has not grown for a few turns. A `for await` that answers each message thus makes one write.
   */
  readonly #turn = (): void => {
    const length = this.#protocol.output.length;
    if (length !== this.#lengthSeen) {
      this.#lengthSeen = length;
      this.#quietTurns = 0;
    }
    if (length > 0 && ++this.#quietTurns <= QUIET_TURNS) return queueMicrotask(this.#turn);
    this.#flushSoon = false;
    this.#flush();
  };

  #flush(): void {
    if (!this.#flushNow()) return;
    if (!this.#protocol.open) this.#closeHasLeft();
    if (this.#wantsDrain) {
      this.#wantsDrain = false;
      this.#sink.drain();
    }
  }

  /** Writes what there is, and tells nobody: whether more can be written. */
  #flushNow(): boolean {
    const output = this.#protocol.output;
    if (this.#blocked || this.#closed || this.#terminated) return false;
    if (output.length === 0) return true;
    const all = this.#transport.write(output.view());
    // Memory that the transport still holds is not written to again.
    if (this.#transport.copiesOnWrite) output.release();
    else output.take();
    if (!all) this.#block();
    return all;
  }

  #block(): void {
    this.#blocked = true;
    this.#protocol.setBlocked(true);
    this.#stalledAt = this.#transport.bufferedAmount;
    this.#deadlines.set(this.#sendDue, this.#options.sendTimeout);
  }

  #drain(): void {
    if (!this.#blocked) return;
    this.#blocked = this.#frameBegun = false;
    this.#sendDue.cancel();
    this.#protocol.setBlocked(false);
    this.#flush();
  }

  /** The time for the peer to take something is over. */
  #stalled(): void {
    const left = this.#transport.bufferedAmount;
    if (left < this.#stalledAt) {
      this.#stalledAt = left;
      return this.#deadlines.set(this.#sendDue, this.#options.sendTimeout);
    }
    const limit = this.#options.sendTimeout;
    this.#protocol.fail(
      new LimitError(`Cannot send: the peer took nothing for ${limit} ms (sendTimeout)`, {
        option: "sendTimeout",
        limit,
        actual: limit,
        closeCode: 1008,
      }),
    );
    // The Close cannot get past what is stuck.
    this.terminate();
  }

  /** Too much is waiting: what has not begun to leave is dropped, and the connection with it. */
  #overflow(actual: number, limit: number): false {
    if (!this.#frameBegun) this.#protocol.output.release();
    this.#protocol.fail(
      new LimitError(
        `Cannot send: ${actual} bytes wait for the peer, maxBufferedAmount is ${limit}`,
        {
          option: "maxBufferedAmount",
          limit,
          actual,
          closeCode: 1008,
        },
      ),
    );
    this.#written();
    return false;
  }

  /** From our Close on, what is held or comes is read, whether or not anybody takes messages. */
  #release(): void {
    this.#pingDue.cancel();
    this.#pongDue.cancel();
  }

  /** Our Close is with the system: what comes next depends on who has said what. */
  #closeHasLeft(): void {
    if (!this.#closeLeft) {
      this.#closeLeft = true;
      this.#deadlines.set(this.#closeDue, this.#options.closeTimeout);
    }
    if (!this.#protocol.deaf || this.#lingering) return;
    this.#lingering = true;
    if (this.#paused) {
      this.#paused = false;
      this.#transport.resume();
    }
    this.#held = nothing;
    // Section 7.1.1: the server closes TCP first, the client waits for it; who fails does not wait.
    const { closeReceived } = this.#protocol;
    const isServer = this.#role === "server";
    if (isServer || closeReceived === undefined || this.#ended) this.#transport.closeWrite();
    // The peer has nothing more to say. To wait for its end would make both wait where the transport
    // cannot half-close, and the peer does not see that we ended.
    if (isServer && closeReceived !== undefined) this.#transport.close();
    // Who fails reads on, time alone being the limit: many a peer looks for our Close only when it has
    // sent the whole of a frame that was too large, and a reset before that would take our Close away.
    if (closeReceived === undefined) this.#deadlines.set(this.#quietDue, LINGER_QUIET);
  }

  #end(): void {
    this.#ended = true;
    if (this.#held.length > 0 && !this.#lingering) return;
    if (this.#protocol.closeReceived === undefined && !this.#lingering) {
      this.#error ??= new TransportError(
        "CONNECTION_ENDED",
        "The peer ended the connection without a Close frame",
      );
      this.#transport.close();
    } else if (this.#closeLeft) this.#transport.closeWrite();
  }

  #finish(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#release();
    this.#sendDue.cancel();
    this.#closeDue.cancel();
    this.#quietDue.cancel();
    this.#protocol.output.release();
    const { closeReceived: received, closeSent, closedFirst } = this.#protocol;
    const sent = this.#closeLeft ? closeSent : undefined;
    const wasClean = sent !== undefined && received !== undefined;
    const info: CloseInfo = {
      closeCode: received?.closeCode ?? ABNORMAL,
      reason: received?.reason ?? "",
      wasClean,
      sent,
      received,
      initiator: closedFirst || this.#terminated ? "local" : "remote",
      error: this.#error ?? (wasClean ? undefined : error),
    };
    this.#sink.close(info);
  }

  #pingNow(): void {
    this.#deadlines.set(this.#pingDue, this.#options.pingInterval);
    if (this.#blocked) return; // sendTimeout minds a peer that takes nothing
    this.#protocol.sendPing(nothing);
    this.#written();
    // A wait that nothing has ended yet goes on: a later ping gives the peer no more time.
    if (!this.#heard) return;
    this.#heard = false;
    if (!this.#paused) this.#deadlines.set(this.#pongDue, this.#options.pingTimeout);
  }

  /** The time for a sign of life is over; any byte is one, as a pong may stand behind much data. */
  #silent(): void {
    if (this.#paused || this.#heard) return;
    const limit = this.#options.pingTimeout;
    this.#protocol.fail(
      new LimitError(`The peer has sent nothing for ${limit} ms after a ping (pingTimeout)`, {
        option: "pingTimeout",
        limit,
        actual: limit,
        closeCode: 1011,
      }),
    );
    this.#flush();
  }
}
