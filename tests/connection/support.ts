/** A connection over memory, with a peer that says exactly what the test wants it to say. */

import { CONNECTION_PARTS } from "../../lib/connection/parts.ts";
import { WebSocketConnection } from "../../lib/connection/connection.ts";
import type { ConnectionHandler, ErrorHandler } from "../../lib/connection/connection.ts";
import type { MessageData } from "../../lib/message/message.ts";
import type { AnyMessage, StreamedMessage } from "../../lib/connection/streamed_message.ts";
import type { ConnectionOptions } from "../../lib/protocol/options.ts";
import { readConnectionOptions } from "../../lib/protocol/protocol_options.ts";
import { ProtocolLink } from "../../lib/link/protocol_link.ts";
import type { Transport, TransportSink, WriteResult } from "../../lib/link/transport.ts";
import type { Role } from "../../lib/frame/opcode.ts";
import type { MessageExtension } from "../../lib/message/extension.ts";
import { type MemoryTransportOptions, memoryTransportPair } from "../../lib/transport/memory.ts";
import { settle, VirtualClock } from "../../lib/testing/clock.ts";

/** Both roles: what holds for one end holds for the other. */
export const ROLES: readonly Role[] = ["server", "client"];

export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** A frame as a test reads it. */
export interface PlainFrame {
  first: number;
  opcode: number;
  masked: boolean;
  payload: Uint8Array;
}

const utf8 = new TextEncoder();
const KEY = [0x37, 0xfa, 0x21, 0x3d];

export function bytesOf(
  data: string | Uint8Array | readonly number[],
): Uint8Array<ArrayBuffer> {
  return typeof data === "string" ? utf8.encode(data) : Uint8Array.from(data);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Joins chunks. */
export function join(...chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}

/** The bytes of one frame; `first` is its first byte, FIN and all. */
export function frame(
  first: number,
  data: string | Uint8Array | readonly number[],
  options: { masked: boolean },
): Uint8Array<ArrayBuffer> {
  const payload = bytesOf(data), { length } = payload;
  const header = length < 126
    ? [first, length]
    : length < 65_536
    ? [first, 126, length >> 8, length & 255]
    : [first, 127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((bits) => length >> bits & 255)];
  if (!options.masked) return join(bytesOf(header), payload);
  header[1] |= 0x80;
  return join(bytesOf([...header, ...KEY]), payload.map((byte, at) => byte ^ KEY[at & 3]));
}

/** A Close frame's payload. */
export function closePayload(code: number, reason = ""): Uint8Array {
  return join(bytesOf([code >> 8, code & 255]), bytesOf(reason));
}

/** Reads whole frames off `bytes`; a torn one at the end throws. */
export function readFrames(bytes: Uint8Array): PlainFrame[] {
  const frames: PlainFrame[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at], second = bytes[at + 1];
    let length = second & 127, start = at + 2;
    if (length === 126) length = bytes[start] << 8 | bytes[start + 1], start += 2;
    else if (length === 127) {
      length = Number(new DataView(bytes.buffer, bytes.byteOffset + start).getBigUint64(0));
      start += 8;
    }
    const masked = second > 127;
    const key = masked ? bytes.subarray(start, start += 4) : KEY.map(() => 0);
    if (start + length > bytes.length) throw new RangeError("a torn frame");
    const payload = bytes.slice(start, at = start + length).map((byte, i) => byte ^ key[i & 3]);
    frames.push({ first, opcode: first & 15, masked, payload });
  }
  return frames;
}

/** The other end: it keeps what comes, and sends what it is told to. */
export class Peer implements TransportSink {
  readonly transport: Transport;
  /** Whether the connection under test is a server, and so the peer masks. */
  readonly masked: boolean;
  #chunks: Uint8Array[] = [];
  /** The connection's end of writing has come. */
  ended = false;
  /** The transport is gone; with an error if it was reset. */
  closed = false;
  error: Error | undefined;

  constructor(transport: Transport, masked: boolean) {
    this.transport = transport;
    this.masked = masked;
    transport.start(this);
  }

  onData(chunk: Uint8Array): void {
    this.#chunks.push(chunk.slice());
  }
  onDrain(): void {}
  onEnd(): void {
    this.ended = true;
  }
  onClose(error?: Error): void {
    this.closed = true;
    this.error = error;
  }

  /** All that came. */
  get bytes(): Uint8Array {
    return join(...this.#chunks);
  }

  get frames(): PlainFrame[] {
    return readFrames(this.bytes);
  }

  /** The frames that came, each as its opcode and text: `["1:hi", "8:1000 bye"]`. */
  get said(): string[] {
    return this.frames.map(({ opcode, payload }) => {
      if (opcode !== CLOSE) return `${opcode}:${textOf(payload)}`;
      if (payload.length === 0) return "8:";
      const reason = textOf(payload.subarray(2));
      return `8:${payload[0] << 8 | payload[1]}${reason === "" ? "" : ` ${reason}`}`;
    });
  }

  /** The codes of the Close frames that came. */
  get closeCodes(): number[] {
    return this.frames.filter(({ opcode }) => opcode === CLOSE).map(({ payload }) =>
      payload.length === 0 ? 1005 : payload[0] << 8 | payload[1]
    );
  }

  /** A frame from this end. */
  frame(
    first: number,
    data: string | Uint8Array | readonly number[] = "",
  ): Uint8Array<ArrayBuffer> {
    return frame(first, data, { masked: this.masked });
  }

  /** Sends bytes, all in one write. */
  write(...chunks: readonly Uint8Array[]): void {
    this.transport.write(join(...chunks));
  }

  /** Sends text messages, all in one write. */
  say(...texts: readonly string[]): void {
    this.write(...texts.map((text) => this.frame(0x80 | TEXT, text)));
  }

  /** Sends a Close frame. */
  sayClose(code = 1000, reason = ""): void {
    this.write(this.frame(0x80 | CLOSE, closePayload(code, reason)));
  }
}

/** Counts what a connection does to its transport, and sees to it that it may. */
export class SpyTransport implements Transport {
  readonly #below: Transport;
  #full = false;
  /** Who is told of what happens below. */
  sink: TransportSink | undefined;
  /** The sizes of the writes. */
  readonly writes: number[] = [];
  paused = false;
  pauses = 0;
  writeEnded = false;
  closed = false;
  /** Bytes handed to the connection. */
  delivered = 0;

  constructor(below: Transport) {
    this.#below = below;
  }

  readonly secure = false;
  readonly localAddress: undefined = undefined;
  get remoteAddress(): Transport["remoteAddress"] {
    return this.#below.remoteAddress;
  }
  get alwaysCopies(): true | undefined {
    return this.#below.alwaysCopies;
  }
  get bufferedAmount(): number {
    return this.#below.bufferedAmount;
  }
  start(sink: TransportSink): void {
    this.sink = sink;
    this.#below.start({
      onData: (chunk): void => {
        this.delivered += chunk.length;
        sink.onData(chunk);
      },
      onDrain: (): void => {
        this.#full = false;
        sink.onDrain();
      },
      onEnd: (): void => sink.onEnd(),
      onClose: (error): void => {
        this.closed = true;
        sink.onClose(error);
      },
    });
  }
  write(bytes: Uint8Array): WriteResult {
    if (this.#full || this.closed || this.writeEnded) throw new Error("a write that must not be");
    this.writes.push(bytes.length);
    const result = this.#below.write(bytes);
    this.#full = !result.more;
    return result;
  }
  pause(): void {
    this.paused = true;
    this.pauses++;
    this.#below.pause();
  }
  resume(): void {
    this.paused = false;
    this.#below.resume();
  }
  closeWrite(): void {
    this.writeEnded = true;
    this.#below.closeWrite();
  }
  close(): void {
    this.closed = true;
    this.#below.close();
  }
}

/** How to open a connection for a test. */
export interface RigOptions<Message extends AnyMessage = MessageData> extends ConnectionOptions {
  role?: Role;
  websocket?: ConnectionHandler<undefined, Message>;
  onError?: ErrorHandler<undefined, Message>;
  /** Errors are printed, as they are by default. */
  prints?: boolean;
  memory?: MemoryTransportOptions;
  clock?: VirtualClock;
  extension?: MessageExtension;
}

/** A connection and what is around it. */
export interface Rig<Message extends AnyMessage = MessageData> {
  connection: WebSocketConnection<undefined, Message>;
  link: ProtocolLink;
  peer: Peer;
  clock: VirtualClock;
  transport: SpyTransport;
  /** What `onError` got. */
  errors: unknown[];
  /** Lets the oldest event of a manual pair happen. */
  step(): boolean;
}

/** Opens a connection; its pings are off unless `pingInterval` is given. */
export function open(options: RigOptions = {}): Rig {
  return openAny(options);
}

/** Opens one that gives its messages from their first bytes on. */
export function openStream(options: RigOptions<StreamedMessage> = {}): Rig<StreamedMessage> {
  return openAny({ ...options, messages: "stream" });
}

function openAny<Message extends AnyMessage>(options: RigOptions<Message>): Rig<Message> {
  const { role = "server", websocket, memory, extension, clock = new VirtualClock() } = options;
  const pair = memoryTransportPair(memory);
  const transport = new SpyTransport(pair[role]);
  const settings = readConnectionOptions({ pingInterval: Infinity, ...options, clock });
  const errors: unknown[] = [];
  const link = new ProtocolLink({ role, transport, extension, options: settings });
  const connection = new WebSocketConnection<undefined, Message>(link, {
    url: "ws://test/",
    data: undefined,
    parts: CONNECTION_PARTS,
    options: settings,
    onError: options.prints
      ? undefined
      : options.onError ?? ((error): void => void errors.push(error)),
  });
  const peer = new Peer(role === "server" ? pair.client : pair.server, role === "server");
  connection.start(websocket);
  return { connection, link, peer, clock, transport, errors, step: pair.step };
}

export { settle };

/** Lets time pass, in milliseconds, and everything happen that is due: in one leap, or in steps. */
export async function pass(
  clock: Pick<VirtualClock, "advance">,
  time: number,
  { step = Infinity }: { step?: number } = {},
): Promise<void> {
  let left = time;
  do {
    const leap = Math.min(step, left);
    clock.advance(leap);
    await settle();
    left -= leap;
  } while (left > 0);
}
