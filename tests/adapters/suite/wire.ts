/**
 * The other end of the connection under test, on the wire: it reads and writes what the test says,
 * byte by byte if need be.
 *
 * @module
 */
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import type { Transport, TransportSink } from "../../../lib/link/transport.ts";
import {
  bytesOf,
  CLOSE,
  closePayload,
  frame,
  join,
  PING,
  PONG,
  textOf,
} from "../../connection/support.ts";

/** How long anything may take that must happen, in milliseconds: a guard, never a measure. */
export const PATIENCE = 30_000;

/** The promise's value; rejects when it takes for ever. */
export async function within<Value>(
  promise: Promise<Value>,
  what: string | (() => string),
): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new Error(`Waited in vain: ${typeof what === "string" ? what : what()}`));
  }, PATIENCE);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A frame, as it stood on the wire. */
export interface WireFrame {
  fin: boolean;
  rsv1: boolean;
  opcode: number;
  payload: Uint8Array;
}

/** A message, and how it came. */
export interface WireMessage {
  /** The text, or the bytes. */
  data: string | Uint8Array;
  size: number;
  frames: number;
  compressed: boolean;
}

/** A Close frame, or that there was none. */
export type WireClose = { code: number; reason: string } | "no Close";

/** One end of a byte pipe. */
export class Wire implements TransportSink {
  readonly transport: Transport;
  /** The peer has ended its direction, or both are gone. */
  ended = false;
  /** Both are gone. */
  closed = false;
  #chunks: Uint8Array[] = [];
  #size = 0;
  #changed = Promise.withResolvers<void>();
  #drained = Promise.withResolvers<void>();
  #full = false;

  /** Begins to read. */
  constructor(transport: Transport) {
    this.transport = transport;
    transport.start(this);
  }

  /** From the transport. */
  onData(chunk: Uint8Array): void {
    this.#chunks.push(chunk.slice());
    this.#size += chunk.length;
    this.#change();
  }
  /** From the transport. */
  onDrain(): void {
    this.#full = false;
    this.#drained.resolve();
  }
  /** From the transport. */
  onEnd(): void {
    this.ended = true;
    this.#change();
  }
  /** From the transport. */
  onClose(): void {
    this.ended = this.closed = true;
    this.#drained.resolve();
    this.#change();
  }

  /** Writes, and resolves once the system has taken it, or the pipe is gone. */
  async write(...parts: readonly (string | Uint8Array)[]): Promise<void> {
    while (this.#full && !this.closed) await this.#drained.promise;
    if (this.closed) return;
    this.#drained = Promise.withResolvers();
    const bytes = join(...parts.map((part) => typeof part === "string" ? bytesOf(part) : part));
    this.#full = !this.transport.write(bytes).more;
    if (this.#full) await this.#drained.promise;
  }

  /** The next bytes; rejects when the pipe ends before there are so many. */
  async take(length: number): Promise<Uint8Array> {
    await this.#until(() => this.#size >= length, `${length} bytes`);
    const all = this.#join();
    this.#put(all.subarray(length));
    return all.slice(0, length);
  }

  /** The text up to a marker and with it, or to the end. */
  async takeUntil(marker: string): Promise<string> {
    await this.#until(() => this.ended || textOf(this.#join()).includes(marker), "a marker");
    const text = textOf(this.#join());
    const end = text.includes(marker) ? text.indexOf(marker) + marker.length : text.length;
    return textOf(await this.take(bytesOf(text.slice(0, end)).length));
  }

  /** All until the pipe ends. */
  async takeAll(): Promise<Uint8Array> {
    await this.#until(() => this.ended, "the end");
    return await this.take(this.#size);
  }

  /** Ends in an orderly way: our direction, then, when the other end has ended too, the rest. */
  async leave(): Promise<void> {
    // TLS on Deno has no end of one direction.
    if (!this.transport.secure) {
      this.transport.closeWrite();
      await this.takeAll();
    }
    this.transport.close();
  }

  #join(): Uint8Array {
    const all = this.#chunks.length === 1 ? this.#chunks[0] : join(...this.#chunks);
    this.#put(all);
    return all;
  }

  #put(all: Uint8Array): void {
    this.#chunks = [all];
    this.#size = all.length;
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #until(holds: () => boolean, what: string): Promise<void> {
    while (!holds()) {
      if (this.ended) throw new Error(`The wire ended: expected ${what}, ${this.#size} bytes came`);
      await within(this.#changed.promise, `${what} on the wire`);
    }
  }
}

/** A WebSocket peer past the handshake, which does nothing of itself. */
export class WirePeer {
  readonly wire: Wire;
  readonly #masked: boolean;

  /** `masked` for a client. */
  constructor(wire: Wire, masked: boolean) {
    this.wire = wire;
    this.#masked = masked;
  }

  /** The next frame. */
  async frame(): Promise<WireFrame> {
    const [first, second] = await this.wire.take(2);
    let length = second & 127;
    if (length === 126) length = view(await this.wire.take(2)).getUint16(0);
    else if (length === 127) length = Number(view(await this.wire.take(8)).getBigUint64(0));
    const key = second > 127 ? await this.wire.take(4) : undefined;
    const payload = await this.wire.take(length);
    if (key !== undefined) { for (let at = 0; at < length; at++) payload[at] ^= key[at & 3]; }
    return { fin: first > 127, rsv1: (first & 64) > 0, opcode: first & 15, payload };
  }

  /** The next frame that is no ping, which is answered. */
  async answered(): Promise<WireFrame> {
    for (;;) {
      const next = await this.frame();
      if (next.opcode !== PING) return next;
      await this.sayFrame(0x80 | PONG, next.payload);
    }
  }

  /** The next message, whole. */
  async message(): Promise<WireMessage> {
    const frames = [await this.answered()];
    if (frames[0].opcode > 2) throw new Error(`A message was expected, opcode ${frames[0].opcode}`);
    while (!frames.at(-1)!.fin) frames.push(await this.answered());
    const [{ opcode, rsv1: compressed }] = frames;
    let bytes = join(...frames.map(({ payload }) => payload));
    if (compressed) bytes = inflate(bytes);
    const data = opcode === 1 ? textOf(bytes) : bytes;
    return { data, size: bytes.length, frames: frames.length, compressed };
  }

  /** The Close frame that comes next, other frames dropped; or that the wire ended without one. */
  async close(): Promise<WireClose> {
    for (;;) {
      try {
        const { opcode, payload } = await this.frame();
        if (opcode !== CLOSE) continue;
        if (payload.length === 0) return { code: 1005, reason: "" };
        return { code: view(payload).getUint16(0), reason: textOf(payload.subarray(2)) };
      } catch (error) {
        if (this.wire.ended) return "no Close";
        throw error;
      }
    }
  }

  /** Closes, and gives what the other end answered. */
  async closeWith(code?: number, reason?: string): Promise<WireClose> {
    await this.sayClose(code, reason);
    const answer = await this.close();
    await this.wire.leave();
    return answer;
  }

  /** Answers the Close that comes, and gives it. */
  async answerClose(): Promise<WireClose> {
    const close = await this.close();
    if (close !== "no Close") await this.sayClose(close.code, close.reason);
    await this.wire.leave();
    return close;
  }

  /** Sends a message. */
  async say(...messages: readonly (string | readonly number[] | Uint8Array)[]): Promise<void> {
    await this.wire.write(
      ...messages.map((data) => this.bytesOf(0x80 | (typeof data === "string" ? 1 : 2), data)),
    );
  }

  /** Sends a compressed text, its context its own. */
  async sayCompressed(text: string): Promise<void> {
    await this.sayFrame(0x80 | 0x40 | 1, deflate(bytesOf(text)));
  }

  /** Sends a frame; `first` is its first byte, FIN and all. */
  async sayFrame(first: number, data: string | readonly number[] | Uint8Array = ""): Promise<void> {
    await this.wire.write(this.bytesOf(first, data));
  }

  /** Sends a Close frame; one without a code for 1005. */
  async sayClose(code = 1000, reason = ""): Promise<void> {
    await this.sayFrame(0x80 | CLOSE, code === 1005 ? [] : closePayload(code, reason));
  }

  /** Goes away without a word. */
  vanish(): void {
    this.wire.transport.close();
  }

  /** The bytes of a frame from this end. */
  bytesOf(first: number, data: string | readonly number[] | Uint8Array): Uint8Array {
    return frame(first, data, { masked: this.#masked });
  }
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The four bytes that RFC 7692 section 7.2.1 leaves out. */
const TAIL = [0, 0, 0xff, 0xff];

function deflate(bytes: Uint8Array): Uint8Array {
  return deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -TAIL.length);
}

function inflate(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const options = { finishFlush: constants.Z_SYNC_FLUSH };
  return new Uint8Array(inflateRawSync(join(bytes, bytesOf(TAIL)), options));
}
