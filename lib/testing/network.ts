/**
 * A network in memory, with the faults that a test wants: `connect` and `listen` take it as their option
 * `network`.
 *
 * @module
 */
import type {
  Transport,
  TransportAddress,
  TransportConnectOptions,
  TransportListener,
  TransportListenerSink,
  TransportListenOptions,
  TransportNetwork,
} from "../link/transport.ts";
import { checkNames } from "../options.ts";
import type { Clock } from "../protocol/clock.ts";
import type { ByteStreamPair } from "../transport/byte_stream.ts";
import { connectError } from "../transport/connect_errors.ts";
import { listenError } from "../transport/errors.ts";
import type { VirtualClock } from "./clock.ts";
import {
  type Conditions,
  NETWORK_OPTIONS,
  type NetworkOptions,
  readConditions,
} from "./conditions.ts";
import { NetworkLink } from "./network_link.ts";
import { streamsOf } from "./streams.ts";

const ANYWHERE: TransportAddress = { transport: "memory", hostname: "test", port: 80 };

/** Where the ports that a network chooses begin. */
const FIRST_PORT = 49_152;

/**
 * A network in memory. Servers listen on it under any names and ports, clients connect to them, and all
 * of its links obey its latency and its faults.
 *
 * TLS is taken for granted: a client that connects to `wss:` is told that it has it, and so is the server.
 *
 * @example A client that comes back after the server was away.
 * ```ts
 * import { connect } from "@sluice/websocket";
 * import { listen } from "@sluice/websocket/server";
 * import { Network } from "@sluice/websocket/testing";
 * import assert from "node:assert/strict";
 *
 * using network = new Network({ chunkSize: [1, 5], seed: 7 });
 * await listen({
 *   network,
 *   hostname: "chat.example",
 *   port: 443,
 *   websocket: { message: (connection, data) => void connection.send(data) },
 * });
 * const url = "wss://chat.example/room";
 *
 * const first = await connect(url, { network });
 * first.send("Hello");
 * assert.equal(await first.receive(), "Hello");
 * network.reset(); // all links break
 * assert.equal((await first.closed).closeCode, 1006);
 *
 * network.refuse();
 * await assert.rejects(connect(url, { network }), { code: "CONNECTION_REFUSED" });
 * network.restore();
 * const second = await connect(url, { network });
 * second.close();
 * assert.equal((await second.closed).wasClean, true);
 * ```
 */
export class Network<Time extends Clock = VirtualClock> implements TransportNetwork, Disposable {
  /** The time of the network. */
  readonly clock: Time;
  readonly #conditions: Conditions;
  readonly #links = new Set<NetworkLink>();
  readonly #listeners = new Map<string, TransportListenerSink>();
  /** The promises of `connect` that wait. */
  readonly #connecting = new Set<() => void>();
  #nextPort = FIRST_PORT;
  #isCut = false;
  #isDisposed = false;
  #refuses = false;

  /**
   * Creates a network.
   *
   * @throws {TypeError | RangeError} If an option is unknown or invalid.
   */
  constructor(options: NetworkOptions<Time> = {}) {
    checkNames(options, NETWORK_OPTIONS);
    this.#conditions = readConditions(options);
    this.clock = this.#conditions.clock as Time;
    if (this.#conditions.capacity === 0) {
      throw new RangeError("Cannot read options: capacity must be at least 1, got 0");
    }
  }

  /** The connections that are open, the oldest first, each with its own `cut`, `stall` and `reset`. */
  get links(): ReadonlySet<NetworkLink> {
    return this.#links;
  }

  /** Whether nothing arrives at present. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /**
   * Cuts all links: nothing that is sent arrives any more, and no end is told. The connections are half
   * open, until their own timeouts notice, or `restore` is called.
   */
  cut(): void {
    this.#isCut = true;
    for (const link of this.#links) link.cut();
  }

  /** Refuses new connections, until `restore` is called. */
  refuse(): void {
    this.#refuses = true;
  }

  /** Ends `cut` and `refuse`. What was sent meanwhile, as far as there was room for it, arrives now. */
  restore(): void {
    this.#isCut = this.#refuses = false;
    for (const link of this.#links) link.restore();
    for (const retry of this.#connecting) retry();
  }

  /** Holds everything back for some milliseconds: it arrives then, in its order. */
  stall(ms: number): void {
    for (const link of this.#links) link.stall(ms);
  }

  /** Resets all links: both ends see that the connection broke. */
  reset(): void {
    for (const link of this.#links) link.reset();
  }

  /** Ends it without a trace: all links are reset, nothing is listened to, and no timer is left. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#listeners.clear();
    for (const proceed of this.#connecting) proceed();
    this.reset();
  }

  /** Returns the two ends of a new link as byte streams, for `accept` and `fromByteStream`. */
  streams(): { client: ByteStreamPair; server: ByteStreamPair } {
    const { client, server } = this.createLink({ address: ANYWHERE, secure: false });
    return { client: streamsOf(client), server: streamsOf(server) };
  }

  /** @internal Creates a link between two transports. */
  createLink({ address, secure }: { address: TransportAddress; secure: boolean }): NetworkLink {
    const link: NetworkLink = new NetworkLink(this.#conditions, {
      secure,
      clientPort: this.#nextPort++,
      serverAddress: address,
      onGone: () => void this.#links.delete(link),
    });
    this.#links.add(link);
    if (this.#isCut) link.cut();
    return link;
  }

  /** Listens: called by `listen`. */
  async listen(
    options: TransportListenOptions,
    sink: TransportListenerSink,
  ): Promise<TransportListener> {
    const { hostname = "0.0.0.0", path } = options, listeners = this.#listeners;
    await undefined; // as on every other network, nothing happens within the call
    const port = path === undefined ? options.port || this.#nextPort++ : 0;
    const name = path ?? nameOf(hostname, port);
    if (listeners.has(name)) throw listenError(systemError("EADDRINUSE"), { ...options, hostname });
    listeners.set(name, sink);
    return {
      address: path === undefined
        ? { transport: "memory", hostname, port }
        : { transport: "unix", hostname: path, port: 0 },
      close(): Promise<void> {
        listeners.delete(name);
        return Promise.resolve();
      },
      updateTls: () => Promise.resolve(),
    };
  }

  /** Connects: called by `connect`. */
  async connect(options: TransportConnectOptions): Promise<Transport> {
    const { hostname = "localhost", port = 0, path, signal, tls } = options;
    const { random, refusals, latency } = this.#conditions;
    // There and back.
    await this.#pass(2 * random.within(latency), signal);
    const sink = this.#listeners.get(path ?? nameOf(hostname, port)) ??
      this.#listeners.get(nameOf("0.0.0.0", port));
    if (sink === undefined || this.#refuses || random.happens(refusals)) {
      throw connectError(systemError("ECONNREFUSED"), { ...options, hostname });
    }
    const address: TransportAddress = path === undefined
      ? { transport: "memory", hostname, port }
      : { transport: "unix", hostname: path, port: 0 };
    const link = this.createLink({ address, secure: tls !== undefined });
    sink.onConnection(link.server);
    return link.client;
  }

  /** Waits on the clock, and as long as the network is cut. */
  #pass(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock } = this.#conditions;
    return new Promise((resolve, reject) => {
      let isOver = false, timer: unknown;
      const end = (): void => {
        clock.clearTimer(timer);
        this.#connecting.delete(proceed);
        signal?.removeEventListener("abort", abort);
      };
      const proceed = (): void => {
        if (!this.#isDisposed && (!isOver || this.#isCut)) return;
        end();
        resolve();
      };
      const abort = (): void => {
        end();
        reject(signal!.reason);
      };
      const onTime = (): void => {
        isOver = true;
        proceed();
      };
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort, { once: true });
      this.#connecting.add(proceed);
      if (ms > 0) timer = clock.setTimer(ms, onTime);
      else queueMicrotask(onTime);
    });
  }
}

function nameOf(hostname: string, port: number): string {
  return `${hostname.toLowerCase()}:${port}`;
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
