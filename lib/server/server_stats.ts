/**
 * What a server counts. It is always on, and adds no work to a message: sums are made when `stats` is read.
 *
 * @module
 */
import type { WebSocketConnection } from "../connection/connection.ts";
import type { ConnectionStats } from "../connection/stats.ts";
import type { AnyMessage } from "../connection/streamed_message.ts";
import type { CloseInfo } from "../errors.ts";
import type { MessageData } from "../message/message.ts";

/** What has passed over all connections of a server, those that are closed among them. */
export interface ServerTraffic {
  /** Messages received. */
  readonly messagesReceived: number;
  /** Messages sent. */
  readonly messagesSent: number;
  /** Frames received, the control frames among them. */
  readonly framesReceived: number;
  /** Frames sent, the control frames among them. */
  readonly framesSent: number;
  /** Bytes received after the opening handshakes. */
  readonly bytesReceived: number;
  /** Bytes sent after the opening handshakes. */
  readonly bytesSent: number;
}

/** What a server has counted so far. */
export interface ServerStats<Data = undefined, Message extends AnyMessage = MessageData>
  extends ServerTraffic {
  /** Connections that are open, or closing. */
  readonly open: number;
  /** Handshakes whose request is not complete, or about which has not been decided. */
  readonly pending: number;
  /** Handshakes that became connections. */
  readonly accepted: number;
  /**
   * Handshakes that were refused, or failed, by the code of their error (`HandshakeError`,
   * `TransportError`). A hook's errors may have any code: after 100 different ones the rest counts as
   * `OTHER`.
   */
  readonly refused: Readonly<Record<string, number>>;
  /** Connections that are closed, by the side that began and by `CloseInfo.closeCode`. */
  readonly closed: Readonly<Record<CloseInfo["initiator"], Readonly<Record<number, number>>>>;
  /**
   * The open connections for which bytes wait (`bufferedAmount`), the one with most first, 10 of them at
   * most: peers that read more slowly than is sent to them.
   */
  readonly slowest: readonly WebSocketConnection<Data, Message>[];
}

/** How many codes of refusals are told apart. */
const MAX_CODES = 100;
/** How many connections `slowest` has. */
const MAX_SLOWEST = 10;

const TRAFFIC: readonly (keyof ServerTraffic)[] = [
  "messagesReceived",
  "messagesSent",
  "framesReceived",
  "framesSent",
  "bytesReceived",
  "bytesSent",
];

/** Counts what happens on one server. */
export class ServerCounter {
  #accepted = 0;
  readonly #refused = new Map<string, number>();
  readonly #closed = { local: new Map<number, number>(), remote: new Map<number, number>() };
  /** The traffic of the connections that are closed. */
  readonly #past = noTraffic();

  /** A connection is open. */
  onOpen(): void {
    this.#accepted++;
  }

  /** A handshake was refused, or failed. */
  onRefused(code: string): void {
    const isKnown = this.#refused.has(code) || this.#refused.size < MAX_CODES;
    increment(this.#refused, isKnown ? code : "OTHER");
  }

  /** A connection is closed. */
  onClose(stats: ConnectionStats, { initiator, closeCode }: CloseInfo): void {
    addTraffic(this.#past, stats);
    increment(this.#closed[initiator], closeCode);
  }

  /** Returns what was counted, with the connections that are open. */
  stats<Data, Message extends AnyMessage>(
    connections: ReadonlySet<WebSocketConnection<Data, Message>>,
    pending: number,
  ): ServerStats<Data, Message> {
    const traffic = { ...this.#past };
    const waiting: { connection: WebSocketConnection<Data, Message>; size: number }[] = [];
    for (const connection of connections) {
      addTraffic(traffic, connection.stats);
      const size = connection.bufferedAmount;
      if (size > 0) waiting.push({ connection, size });
    }
    waiting.sort((one, other) => other.size - one.size);
    return {
      open: connections.size,
      pending,
      accepted: this.#accepted,
      refused: Object.fromEntries(this.#refused),
      closed: {
        local: Object.fromEntries(this.#closed.local),
        remote: Object.fromEntries(this.#closed.remote),
      },
      ...traffic,
      slowest: waiting.slice(0, MAX_SLOWEST).map(({ connection }) => connection),
    };
  }
}

type Sums = { -readonly [Name in keyof ServerTraffic]: number };

function noTraffic(): Sums {
  return {
    messagesReceived: 0,
    messagesSent: 0,
    framesReceived: 0,
    framesSent: 0,
    bytesReceived: 0,
    bytesSent: 0,
  };
}

/** Adds what passed over a connection with our own protocol, which counts everything. */
function addTraffic(sums: Sums, stats: ConnectionStats): void {
  for (const name of TRAFFIC) sums[name] += stats[name] ?? 0;
}

function increment<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
