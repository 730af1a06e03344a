/**
 * A pair of transports with nothing between them but memory: for tests and models. What happens, and
 * in which order, depends on the calls alone.
 *
 * @module
 */

import {
  type Transport,
  type TransportAddress,
  type WriteResult,
  writeResult,
} from "../link/transport.ts";
import { copyOf } from "../frame/memory.ts";
import { readLimit } from "../limits.ts";
import { BaseTransport } from "./base_transport.ts";
import { resetError } from "./errors.ts";

/** How a pair of memory transports behaves. */
export interface MemoryTransportOptions {
  /** Bytes each way that count as taken by the system before they are read: 65,536 by default. */
  capacity?: number;
  /** At most this many bytes in one chunk: no bound by default. 1 tries every split. */
  chunkSize?: number;
  /** Whether `write` copies (Bun's sockets do), or keeps the caller's memory: the default. */
  copies?: boolean;
  /** Nothing happens but by `step()`. By default each event is a microtask of its own. */
  manual?: boolean;
  /** What carries the bytes of each end to the other. By default they are there at once. */
  lines?: { readonly client: Line; readonly server: Line };
  /** The addresses of the ends. */
  addresses?: { readonly client: TransportAddress; readonly server: TransportAddress };
  /** Whether the ends are told that they have TLS. @default {false} */
  secure?: boolean;
}

/** One direction between two ends: when things arrive, and in which state. */
export interface Line {
  /** Has something happen at the other end, at once or later, in the order of the calls. */
  carry(arrive: () => void): void;
  /** Returns the most bytes of the next chunk. */
  chunkSize?(): number;
  /** May change a chunk before it is read. */
  alter?(chunk: Uint8Array): void;
  /** Called when both ends are gone: nothing more will be carried. */
  end?(): void;
}

/** A line without a length. */
const DIRECT: Line = { carry: (arrive) => arrive() };

/** Two connected transports. */
export interface MemoryTransportPair {
  /** One end. */
  readonly client: Transport;
  /** The other. */
  readonly server: Transport;
  /** Lets the oldest event happen; false if there was none. */
  step(): boolean;
  /** Breaks the connection: both ends see a reset. */
  reset(): void;
}

/** The events that are to happen, oldest first, of both ends. */
class EventQueue {
  readonly #events: (() => void)[] = [];
  readonly #manual: boolean;

  constructor(manual: boolean) {
    this.#manual = manual;
  }

  push(event: () => void): void {
    this.#events.push(event);
    if (!this.#manual) queueMicrotask(() => this.step());
  }

  step(): boolean {
    const event = this.#events.shift();
    event?.();
    return event !== undefined;
  }
}

interface Settings {
  capacity: number;
  chunkSize: number;
  copies: boolean;
  line: Line;
  address: TransportAddress;
  secure: boolean;
}

const NOWHERE: TransportAddress = { transport: "memory", hostname: "", port: 0 };

class MemoryTransport extends BaseTransport {
  readonly localAddress: TransportAddress;
  readonly secure: boolean;
  readonly alwaysCopies?: true;
  readonly #events: EventQueue;
  readonly #settings: Settings;
  readonly #line: Line;
  /** Set by `join`. */
  #peer: MemoryTransport = this;
  /** Arrived and not read: the system's buffer. Its size is with what is on its way to it. */
  #incoming: Uint8Array[] = [];
  #incomingSize = 0;
  /** Written, and waiting for room in the peer's buffer. */
  #outgoing: Uint8Array[] = [];
  #outgoingSize = 0;
  #needDrain = false;
  #paused = false;
  /** A delivery is among the events. */
  #delivering = false;
  #ending = false;
  /** The end of our direction is on its way. */
  #endSent = false;
  /** The end of our direction is in the peer's buffer, behind all data. */
  #ended = false;

  constructor(events: EventQueue, settings: Settings) {
    super();
    this.#events = events;
    this.#settings = settings;
    this.#line = settings.line;
    this.localAddress = settings.address;
    this.secure = settings.secure;
    if (settings.copies) this.alwaysCopies = true;
  }

  static join(one: MemoryTransport, other: MemoryTransport): void {
    one.#peer = other;
    other.#peer = one;
  }

  static reset(one: MemoryTransport, other: MemoryTransport): void {
    one.#reset();
    other.#reset();
  }

  get remoteAddress(): TransportAddress {
    return this.#peer.localAddress;
  }

  get bufferedAmount(): number {
    return this.state === "closed" ? 0 : this.#outgoingSize;
  }

  protected override onStart(): void {
    this.#scheduleDelivery();
  }

  protected override later(action: () => void): void {
    this.#events.push(action);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#scheduleDelivery();
  }

  write(bytes: Uint8Array): WriteResult {
    if (this.#ending || this.state !== "open") return writeResult(false, true);
    if (bytes.byteLength > 0) {
      this.#outgoing.push(this.alwaysCopies ? copyOf(bytes) : bytes);
      this.#outgoingSize += bytes.byteLength;
      this.#send();
      if (this.isGone) return writeResult(false, true);
    }
    if (this.#outgoingSize > 0) this.#needDrain = true;
    return writeResult(!this.#needDrain, this.alwaysCopies === true);
  }

  closeWrite(): void {
    if (this.#ending || this.state !== "open") return;
    this.#ending = true;
    this.#send();
  }

  close(): void {
    if (!this.startClosing()) return;
    const peer = this.#peer;
    const unread = this.#incomingSize + peer.#outgoingSize;
    this.#shut(undefined);
    // As with TCP: an orderly end lets the peer read to its end, anything else resets it.
    if ((!this.#ending || unread > 0) && !peer.isGone) this.#line.carry(() => peer.#reset());
  }

  /** Moves what was written into the peer's buffer, as far as there is room, and then the end. */
  #send(): void {
    const peer = this.#peer;
    for (let bytes = this.#outgoing[0]; bytes !== undefined; bytes = this.#outgoing[0]) {
      const room = this.#settings.capacity - peer.#incomingSize;
      if (room <= 0) break;
      const size = Math.min(room, bytes.byteLength);
      if (size === bytes.byteLength) this.#outgoing.shift();
      else this.#outgoing[0] = bytes.subarray(size);
      this.#outgoingSize -= size;
      peer.#incomingSize += size;
      this.#line.carry(() => peer.#arrive(bytes.subarray(0, size)));
    }
    if (!this.#ending || this.#outgoingSize > 0 || this.#endSent) return;
    this.#endSent = true;
    this.#line.carry(() => {
      this.#ended = true;
      peer.#scheduleDelivery();
      this.#finish();
    });
  }

  #arrive(bytes: Uint8Array): void {
    if (!this.isGone) {
      this.#incoming.push(bytes);
      return this.#scheduleDelivery();
    }
    // Nobody is there to read it: the answer to data for a closed socket is a reset.
    const peer = this.#peer;
    this.#line.carry(() => peer.#reset());
  }

  #scheduleDelivery(): void {
    if (this.#delivering || this.#paused || this.isGone || this.sink === undefined) return;
    if (this.#incoming.length === 0 && (this.peerEnded || !this.#peer.#ended)) return;
    this.#delivering = true;
    this.#events.push(() => this.#deliver());
  }

  #deliver(): void {
    this.#delivering = false;
    if (this.#paused || this.isGone) return;
    const first = this.#incoming[0];
    if (first === undefined) {
      this.reportEnd();
      return this.#finish();
    }
    const line = this.#peer.#line;
    const most = Math.min(this.#settings.chunkSize, line.chunkSize?.() ?? Infinity);
    const size = Math.min(first.byteLength, most);
    if (size === first.byteLength) this.#incoming.shift();
    else this.#incoming[0] = first.subarray(size);
    this.#incomingSize -= size;
    const chunk = first.slice(0, size);
    line.alter?.(chunk);
    this.sink?.onData(chunk);
    // The chunk was ours to use again: who kept it, finds that out.
    chunk.fill(0xa5);
    this.#peer.#onRoom();
    this.#scheduleDelivery();
  }

  #onRoom(): void {
    this.#send();
    if (!this.#needDrain || this.#outgoingSize > 0 || this.#ending || this.isGone) return;
    this.#needDrain = false;
    this.#events.push(() => {
      if (!this.#ending) this.reportDrain();
    });
  }

  /** Both directions have ended. */
  #finish(): void {
    if (this.#ended && this.peerEnded) this.#shut(undefined);
  }

  #reset(): void {
    if (this.isGone) return;
    this.#outgoing = [];
    this.#outgoingSize = 0;
    this.#shut(resetError());
  }

  #shut(error: Error | undefined): void {
    if (!this.onGone(error)) return;
    this.#incoming = [];
    this.#incomingSize = 0;
    if (this.#peer.isGone) {
      this.#line.end?.();
      this.#peer.#line.end?.();
    }
    if (!this.#ending) {
      this.#outgoing = [];
      this.#outgoingSize = 0;
    }
  }
}

/**
 * Creates two connected transports. A peer that closes without `closeWrite`, or with bytes unread,
 * shows as a reset.
 *
 * @throws {RangeError} If `capacity` or `chunkSize` is not a whole number from 1.
 */
export function memoryTransportPair(options: MemoryTransportOptions = {}): MemoryTransportPair {
  const events = new EventQueue(options.manual ?? false);
  const capacity = readLimit("capacity", options.capacity, 65_536);
  const chunkSize = readLimit("chunkSize", options.chunkSize, Infinity);
  if (capacity === 0 || chunkSize === 0) {
    throw new RangeError("Cannot make a transport pair: capacity and chunkSize must not be 0");
  }
  const { copies = false, secure = false, lines, addresses } = options;
  const create = (end: "client" | "server"): MemoryTransport => {
    const line = lines?.[end] ?? DIRECT, address = addresses?.[end] ?? NOWHERE;
    return new MemoryTransport(events, { capacity, chunkSize, copies, line, address, secure });
  };
  const client = create("client"), server = create("server");
  MemoryTransport.join(client, server);
  return {
    client,
    server,
    step: (): boolean => events.step(),
    reset: (): void => MemoryTransport.reset(client, server),
  };
}
