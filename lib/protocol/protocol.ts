/**
 * The protocol as a state machine without I/O: bytes and calls in, bytes and calls out.
 *
 * @module
 */
import { type CloseStatus, closeStatusFor, LimitError, ProtocolError } from "../errors.ts";
import { FrameEncoder, type OutputFlusher } from "../frame/encoder.ts";
import { OutputBuffer } from "../frame/output_buffer.ts";
import type { Role } from "../frame/opcode.ts";
import { fitReason } from "../message/close.ts";
import type { ControlSink, DataSink } from "../message/decoder.ts";
import { MessageEncoder } from "../message/encoder.ts";
import type { MessageExtension } from "../message/extension.ts";
import { chainExtensions } from "../message/extension_chain.ts";
import { checkMethods } from "../options.ts";
import { afterEvent, type ClosingState, isReading } from "./closing.ts";
import { DecoderPool, type PooledDecoder } from "./decoder_pool.ts";
import { PingAnswers } from "./ping_answers.ts";
import type { ResolvedConnectionOptions } from "./protocol_options.ts";
import type { ProtocolTap } from "./tap.ts";

/** Receives pings and pongs. */
export interface PingReceiver {
  /** Called with a ping, which the protocol answers. */
  onPing(payload: Uint8Array<ArrayBuffer>): void;
  /** Called with a pong. */
  onPong(payload: Uint8Array<ArrayBuffer>): void;
}

/** What the protocol reports of the closing handshake. */
export interface ProtocolEvents {
  /**
   * Called when the peer's Close has come, or the peer broke a rule or passed a limit (`error`). Nothing
   * more is read. Our Close is encoded by {@linkcode Protocol.answer}, which the owner calls: at once, or
   * after the replies to what came before.
   */
  onClosing(error?: ProtocolError | LimitError): void;
}

/** What a {@linkcode Protocol} is created with. */
export interface ProtocolInit {
  /** This end's role. */
  role: Role;
  /** The agreed extensions, in the order in which they apply to what is sent. @default {[]} */
  extensions?: readonly MessageExtension[];
  /** What is to be filled. @default {an output of its own} */
  output?: OutputBuffer;
  /** Empties the output between the pieces of a large frame. */
  flusher?: OutputFlusher;
  /** Limits and times. */
  options: ResolvedConnectionOptions;
}

/** What the closing handshake has brought so far. */
interface ClosingRecord {
  sent: CloseStatus | undefined;
  received: CloseStatus | undefined;
  /** Whether this side was the first to close. */
  closedFirst: boolean;
  /** The rule that the peer broke, or the limit that was passed. */
  violation: ProtocolError | LimitError | undefined;
}

/**
 * One end of an open WebSocket connection. `receive` takes what came; what has to leave is appended
 * to `output`, which the owner empties.
 */
export class Protocol implements ControlSink {
  /** The bytes that have to leave: whole frames. */
  readonly output: OutputBuffer;
  /** Encodes messages and pings: they may be sent while {@linkcode canSend} says so. */
  readonly encoder: MessageEncoder;
  readonly #events: ProtocolEvents;
  readonly #decoders: DecoderPool;
  /** The decoder, from the first byte of a frame or message to its last. */
  #decoder: PooledDecoder | undefined;
  readonly #options: ResolvedConnectionOptions;
  #messages: DataSink | undefined;
  /** What decoders are attached to: the receivers, or a tap before them. */
  #data!: DataSink;
  #control: ControlSink = this;
  #tap: ProtocolTap | undefined;
  #pings!: PingReceiver;
  #state: ClosingState = "open";
  /** Created when closing begins, as the one below with the first ping: an idle connection has neither. */
  #record: ClosingRecord | undefined;
  #pingAnswers: PingAnswers | undefined;
  #blocked = false;
  /** Those of decoders that were released. */
  #framesReceived = 0;

  /** Creates the protocol of one end; nothing may be received before `start`. */
  constructor(init: ProtocolInit, events: ProtocolEvents) {
    const { role, options, flusher } = init, extension = chainExtensions(init.extensions ?? []);
    this.#events = events;
    this.output = init.output ?? new OutputBuffer();
    this.#decoders = DecoderPool.of(options, { role, extension });
    this.encoder = new MessageEncoder(
      new FrameEncoder({ role, mask: options.mask, ...(flusher && { flusher }) }, this.output),
      extension,
    );
    this.#options = options;
  }

  /**
   * Sets the receivers of messages, and of pings and pongs.
   *
   * @throws {TypeError} If the receiver of messages does not take pieces, with `messages: "stream"`.
   */
  start(messages: DataSink, pings: PingReceiver): void {
    if (this.#options.messages === "stream") {
      const what = 'start protocol: with messages: "stream" the receiver must have ' +
        "onMessageStart, onMessageData and onMessageEnd";
      checkMethods(what, messages, "onMessageStart", "onMessageData", "onMessageEnd");
    }
    this.#messages = messages;
    this.#pings = pings;
    this.setTap(this.#tap);
  }

  /**
   * @internal Sets what sees the frames and messages, or nothing. Bytes that are being decoded are seen from
   * the next call of `receive` on.
   */
  setTap(tap: ProtocolTap | undefined): void {
    this.#tap = tap;
    this.encoder.setTap(tap);
    if (this.#messages === undefined) return; // it has not begun
    this.#data = tap === undefined ? this.#messages : tap.messages(this.#messages);
    this.#control = tap === undefined ? this : tap.control(this);
    if (this.#decoder !== undefined) this.#attach(this.#decoder);
  }

  #attach(decoder: PooledDecoder): void {
    decoder.attach(this.#data, this.#control);
    decoder.setTap(this.#tap);
  }

  #acquireDecoder(): PooledDecoder {
    const decoder = this.#decoder = this.#decoders.acquire(this.#data, this.#control);
    if (this.#tap !== undefined) decoder.setTap(this.#tap);
    return decoder;
  }

  /** The Close frame that was sent. */
  get closeSent(): CloseStatus | undefined {
    return this.#record?.sent;
  }

  /** The Close frame that was received. */
  get closeReceived(): CloseStatus | undefined {
    return this.#record?.received;
  }

  /** Whether this side was the first to close. */
  get closedFirst(): boolean {
    return this.#record?.closedFirst === true;
  }

  /** Where the closing handshake stands. */
  get state(): ClosingState {
    return this.#state;
  }

  /** How many whole frames have come. */
  get framesReceived(): number {
    return this.#framesReceived + (this.#decoder?.frames.frameCount ?? 0);
  }

  /** Moves the closing handshake on, by what only the owner of the socket can know. */
  move(event: "flush" | "end" | "drop" | "terminate" | "gone"): ClosingState {
    return this.#state = afterEvent(this.#state, event);
  }

  /**
   * Decodes bytes and returns the offset up to which they were read: all of them, or less after
   * `stopReading`. Bytes after a Close or a violation are dropped (sections 5.5.1, 7.1.7).
   */
  receive(chunk: Uint8Array, from = 0): number {
    if (!isReading(this.#state)) return chunk.length;
    const decoder = this.#decoder ?? this.#acquireDecoder();
    try {
      const read = decoder.frames.decode(chunk, from);
      if (isReading(this.#state)) {
        if (decoder.idle) {
          this.#detachDecoder();
          this.#decoders.release(decoder);
        }
        return read;
      }
    } catch (error) {
      if (!(error instanceof ProtocolError || error instanceof LimitError)) throw error;
      this.#violate(error);
      this.#events.onClosing(error);
    }
    this.#detachDecoder();
    return chunk.length;
  }

  #detachDecoder(): void {
    this.#framesReceived = this.framesReceived;
    this.#decoder = undefined;
  }

  /**
   * `receive` returns after the current message, or with `messages: "stream"` within it: of what a
   * compressed chunk would inflate to, at most 40 KiB more come.
   */
  stopReading(): void {
    this.#decoder?.stop();
  }

  /** Encodes a Close frame, once (section 5.5.1: no message may follow it). */
  close(status: CloseStatus): void {
    if (this.#state === "open") this.#sendClose(status, "close");
    else this.answer();
  }

  /**
   * Encodes our Close after the peer's (section 5.5.1: with the code that it sent, unless there is a
   * `status` to report), or after a violation (section 7.1.7: with the code that names it). Does nothing
   * when that has been done.
   */
  answer(status?: CloseStatus): void {
    if (this.#state === "answering") {
      const { closeCode } = this.closeReceived!;
      this.#sendClose(status ?? { closeCode, reason: "" }, "answer");
    } else if (this.#state === "refusing") {
      this.#sendClose(statusOf(this.#record!.violation!), "answer");
    }
  }

  /** Fails the connection at once (section 7.1.7), because a limit was passed on our side. */
  fail(error: ProtocolError | LimitError): void {
    this.#violate(error);
    this.answer(statusOf(error));
  }

  /** Sets whether what leaves piles up: pongs then wait. */
  setBlocked(blocked: boolean): void {
    this.#blocked = blocked;
    if (blocked) return;
    const owed = this.#pingAnswers?.takeOwed();
    if (owed !== undefined && isReading(this.#state)) this.encoder.pong(owed);
  }

  /**
   * @internal From the decoder: a ping, which is answered until the peer's Close has come, also after our
   * own (section 5.5.2).
   */
  onPing(payload: Uint8Array<ArrayBuffer>): void {
    const answers = this.#pingAnswers ??= new PingAnswers(this.#options);
    answers.onPing();
    if (this.#blocked) answers.owe(payload);
    else this.encoder.pong(payload);
    this.#pings.onPing(payload);
  }

  /** @internal From the decoder: a pong. */
  onPong(payload: Uint8Array<ArrayBuffer>): void {
    this.#pings.onPong(payload);
  }

  /** @internal From the decoder: a Close frame. */
  onClose(status: CloseStatus): void {
    this.#recorded().received = status;
    this.#decoder?.stop();
    this.#state = afterEvent(this.#state, "receive");
    this.#events.onClosing();
  }

  #violate(error: ProtocolError | LimitError): void {
    const state = afterEvent(this.#state, "violate");
    if (state === this.#state) return; // what it sends is not read any more
    this.#state = state;
    const record = this.#recorded();
    record.violation = error;
    record.closedFirst = true;
    this.#decoder?.stop();
  }

  #sendClose(status: CloseStatus, event: "close" | "answer"): void {
    this.encoder.close(status);
    const record = this.#recorded();
    record.sent = status;
    record.closedFirst ||= record.received === undefined;
    this.#state = afterEvent(this.#state, event);
  }

  #recorded(): ClosingRecord {
    return this.#record ??= {
      sent: undefined,
      received: undefined,
      closedFirst: false,
      violation: undefined,
    };
  }
}

/** The Close that names an error, its reason cut to what fits. */
function statusOf(error: ProtocolError | LimitError): CloseStatus {
  const { closeCode, reason } = closeStatusFor(error);
  return { closeCode, reason: fitReason(reason) };
}
