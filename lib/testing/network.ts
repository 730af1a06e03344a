/**
 * A network in memory between two ends, with the faults that a test wants.
 *
 * @module
 */
import {
  type Transport,
  type TransportAddress,
  type TransportSink,
  type WriteResult,
  writeResult,
} from "../link/transport.ts";
import { readLimit } from "../limits.ts";
import type { Clock } from "../protocol/clock.ts";
import { memoryTransportPair } from "../transport/memory.ts";

/** How a network behaves. */
export interface NetworkOptions {
  /** How long bytes take from one end to the other, in milliseconds. @default {0} */
  latency?: number;
  /** The most bytes in one chunk: 1 splits everywhere. @default {Infinity} */
  chunkSize?: number;
  /** How many bytes each way are taken before the other end reads them. @default {65536} */
  capacity?: number;
}

/** What holds for both directions. */
export class Network {
  /** @internal The client's end. */
  readonly client: Transport;
  /** @internal The server's end. */
  readonly server: Transport;
  readonly #clock: Clock;
  readonly #latency: number;
  readonly #capacity: number;
  #isCut = false;

  /** @internal Created by `pair`. */
  constructor(clock: Clock, given: NetworkOptions) {
    const { chunkSize, capacity = 65_536 } = given;
    const latency = readLimit("latency", given.latency, 0);
    const options = { capacity, ...(chunkSize !== undefined && { chunkSize }) };
    const { client, server } = memoryTransportPair(options);
    this.#clock = clock;
    this.#latency = latency;
    this.#capacity = capacity;
    this.client = new NetworkEnd(client, this);
    this.server = new NetworkEnd(server, this);
  }

  /** Whether the network was cut. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** @internal How many bytes a write may add where nothing takes them. */
  get capacity(): number {
    return this.#capacity;
  }

  /**
   * Cuts it: nothing that is sent arrives any more, and neither end is told. Both connections are half
   * open, until their own timeouts notice.
   */
  cut(): void {
    this.#isCut = true;
  }

  /** @internal Delivers something at the other end, after the latency. */
  deliver(event: () => void): void {
    const arrive = (): void => {
      if (!this.#isCut) event();
    };
    if (this.#latency === 0) arrive();
    else this.#clock.setTimer(this.#latency, arrive);
  }
}

/** One end. What it writes into a network that was cut is taken, up to its capacity, and lost. */
class NetworkEnd implements Transport {
  readonly localAddress: TransportAddress | undefined;
  readonly remoteAddress: TransportAddress | undefined;
  readonly secure = false;
  readonly #below: Transport;
  readonly #network: Network;
  #sink: TransportSink | undefined;
  #lost = 0;
  #closed = false;

  constructor(below: Transport, network: Network) {
    this.#below = below;
    this.#network = network;
    this.localAddress = below.localAddress;
    this.remoteAddress = below.remoteAddress;
  }

  get bufferedAmount(): number {
    return this.#below.bufferedAmount + Math.max(0, this.#lost - this.#network.capacity);
  }

  start(sink: TransportSink): void {
    this.#sink = sink;
    const network = this.#network;
    this.#below.start({
      // A chunk is valid for the length of the call, and may be delivered later.
      onData: (chunk) => {
        const bytes = chunk.slice();
        network.deliver(() => sink.onData(bytes));
      },
      onDrain: () => sink.onDrain(),
      onEnd: () => network.deliver(() => sink.onEnd()),
      onClose: (error) => network.deliver(() => this.#onClose(error)),
    });
  }

  write(bytes: Uint8Array): WriteResult {
    if (!this.#network.isCut) return this.#below.write(bytes);
    this.#lost += bytes.length;
    return writeResult(this.#lost <= this.#network.capacity, true);
  }

  pause(): void {
    this.#below.pause();
  }

  resume(): void {
    this.#below.resume();
  }

  closeWrite(): void {
    this.#below.closeWrite();
  }

  close(): void {
    this.#below.close();
    if (this.#network.isCut) queueMicrotask(() => this.#onClose(undefined));
  }

  #onClose(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sink?.onClose(error);
  }
}
