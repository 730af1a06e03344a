/**
 * One connection over a network: two transports, and what carries the bytes between them.
 *
 * @module
 */
import type { Transport, TransportAddress } from "../link/transport.ts";
import { type Line, memoryTransportPair } from "../transport/memory.ts";
import type { Conditions } from "./conditions.ts";

/** The address of all clients (RFC 5737 section 3). */
const CLIENT_HOST = "192.0.2.1";

/** How often the same bytes can be lost. */
const MAX_RESENDS = 10;

/** What a link is created with. */
export interface NetworkLinkInit {
  /** Whether its ends are told that they have TLS. */
  secure: boolean;
  /** The client's port. */
  clientPort: number;
  /** The server's address. */
  serverAddress: TransportAddress;
  /** Called when both ends are gone. */
  onGone(): void;
}

/** A connection over a network, as a test sees it: each can break by itself. */
export class NetworkLink {
  /** @internal The client's end. */
  readonly client: Transport;
  /** @internal The server's end. */
  readonly server: Transport;
  /** Resets it: both ends see that the connection broke. */
  readonly reset: () => void;
  readonly #lines: readonly Direction[];

  /** @internal Created by a network. */
  constructor(conditions: Conditions, init: NetworkLinkInit) {
    const onEnd = (): void => {
      for (const line of this.#lines) line.stop();
      init.onGone();
    };
    const create = (): Direction =>
      new Direction(conditions, { onReset: () => this.reset(), onEnd });
    const lines = { client: create(), server: create() };
    this.#lines = [lines.client, lines.server];
    const client: TransportAddress = {
      transport: "memory",
      hostname: CLIENT_HOST,
      port: init.clientPort,
    };
    const pair = memoryTransportPair({
      capacity: conditions.capacity,
      lines,
      addresses: { client, server: init.serverAddress },
      secure: init.secure,
    });
    this.client = pair.client;
    this.server = pair.server;
    this.reset = pair.reset;
  }

  /** Cuts it: nothing arrives any more, and neither end is told, until `restore` is called. */
  cut(): void {
    for (const line of this.#lines) line.hold();
  }

  /** Ends a cut or a stall: what was sent meanwhile arrives now. */
  restore(): void {
    for (const line of this.#lines) line.release();
  }

  /** Holds everything back for some milliseconds. */
  stall(ms: number): void {
    for (const line of this.#lines) line.stall(ms);
  }

  /** Changes a bit of the next chunk each way. */
  corrupt(): void {
    for (const line of this.#lines) line.corruptNext();
  }
}

/** Something on its way. */
interface Arrival {
  readonly due: number;
  readonly arrive: () => void;
}

/** One direction of a link. What is on its way arrives in its order. */
class Direction implements Line {
  readonly #conditions: Conditions;
  readonly #events: { onReset(): void; onEnd(): void };
  readonly #onTheWay: Arrival[] = [];
  #timer: unknown;
  #isHeld = false;
  #stallTimer: unknown;
  #corruptsNext = false;

  constructor(conditions: Conditions, events: { onReset(): void; onEnd(): void }) {
    this.#conditions = conditions;
    this.#events = events;
  }

  carry(arrive: () => void): void {
    const { clock, random, latency, loss, resendTime, resets } = this.#conditions;
    if (random.happens(resets)) return queueMicrotask(() => this.#events.onReset());
    let due = clock.now() + random.within(latency);
    for (let tries = 0; tries < MAX_RESENDS && random.happens(loss); tries++) {
      due += random.within(resendTime);
    }
    // Nothing overtakes what was sent before it.
    due = Math.max(due, this.#onTheWay.at(-1)?.due ?? 0);
    this.#onTheWay.push({ due, arrive });
    this.#run();
  }

  chunkSize(): number {
    const { random, chunkSize } = this.#conditions;
    return random.within(chunkSize);
  }

  alter(chunk: Uint8Array): void {
    const { random, corruption } = this.#conditions;
    if (!random.happens(corruption) && !this.#corruptsNext) return;
    this.#corruptsNext = false;
    const bit = Math.floor(random.next() * chunk.length * 8);
    chunk[bit >> 3] ^= 1 << (bit & 7);
  }

  end(): void {
    this.#events.onEnd();
  }

  /** Holds back what is on its way, and what comes to it. */
  hold(): void {
    this.#isHeld = true;
    this.#clearTimers();
  }

  release(): void {
    this.#isHeld = false;
    this.#clearTimers();
    this.#run();
  }

  stall(ms: number): void {
    const isCut = this.#isHeld && this.#stallTimer === undefined;
    if (isCut) return;
    this.hold();
    this.#stallTimer = this.#conditions.clock.setTimer(ms, () => this.release());
  }

  corruptNext(): void {
    this.#corruptsNext = true;
  }

  /** Both ends are gone: nothing is carried any more. */
  stop(): void {
    this.#onTheWay.length = 0;
    this.#clearTimers();
  }

  /** Lets arrive what is due, and waits for the rest. */
  #run(): void {
    const { clock } = this.#conditions;
    while (!this.#isHeld && this.#onTheWay.length > 0) {
      const { due, arrive } = this.#onTheWay[0], wait = due - clock.now();
      if (wait > 0) {
        this.#timer ??= clock.setTimer(wait, () => {
          this.#timer = undefined;
          this.#run();
        });
        return;
      }
      this.#onTheWay.shift();
      arrive();
    }
  }

  #clearTimers(): void {
    const { clock } = this.#conditions;
    if (this.#timer !== undefined) clock.clearTimer(this.#timer);
    if (this.#stallTimer !== undefined) clock.clearTimer(this.#stallTimer);
    this.#timer = this.#stallTimer = undefined;
  }
}
