/**
 * What a connection stands on: messages in and out, synchronously. Our own protocol over a transport
 * is one link, a platform's WebSocket another.
 *
 * @module
 */
import type { CloseInfo, CloseStatus } from "../errors.ts";
import type { Role } from "../frame/opcode.ts";
import type { ExtensionBytes } from "../message/extension.ts";
import type { MessageType } from "../message/message.ts";
import type { DataSink } from "../message/decoder.ts";
import type { PingReceiver } from "../protocol/protocol.ts";
import type { ProtocolTap } from "../protocol/tap.ts";
import type { TransportAddress } from "./transport.ts";

/** What a link can do. A `false` means that the platform below cannot. */
export interface Capabilities {
  /** Reading can be stopped, so that the peer's socket fills. */
  readonly pause: boolean;
  /** Pings can be sent, and pings and pongs be seen. */
  readonly ping: boolean;
  /** Messages can be compressed, where both ends agree: `extensions` shows whether they do. */
  readonly compression: boolean;
  /** Messages larger than memory: they pass in pieces, both ways. */
  readonly streaming: boolean;
  /** Every close code that RFC 6455 allows on the wire can be sent. */
  readonly anyCloseCode: boolean;
}

/** Receives the messages of a link. */
export interface LinkMessages extends Required<DataSink> {
  /** How many messages have come. */
  readonly count: number;
  /**
   * Whether more waits than `receiveHighWaterMark` allows: read before held bytes are decoded at
   * the end.
   */
  readonly isFull: boolean;
}

/** Receives what else happens on a link. No call comes after `onClose`. */
export interface LinkEvents extends PingReceiver {
  /**
   * Whether messages are queued, or a handler works: the answer to the peer's Close waits for
   * replies.
   */
  readonly isReplying: boolean;
  /** Called when no more than the high-water mark is buffered, after a false or a `wantDrain`. */
  onDrain(): void;
  /** Called exactly once, when the link has closed; all that was received before has been delivered. */
  onClose(info: CloseInfo): void;
}

/** Where a link stands, in the numbers of the WebSocket standard. */
export type ReadyState = 0 | 1 | 2 | 3;

/** The handshake is under way. */
export const CONNECTING: ReadyState = 0;
/** Messages pass. */
export const OPEN: ReadyState = 1;
/** A Close frame has been sent or received. */
export const CLOSING: ReadyState = 2;
/** It is over. */
export const CLOSED: ReadyState = 3;

/** Sees what passes through a link. A platform's WebSocket shows its messages alone. */
export interface LinkTap extends ProtocolTap {
  /** Called with a whole message before it is encoded: its frame follows. */
  onSending(data: string | Uint8Array): void;
  /** Called behind a whole message that a platform's WebSocket has sent. */
  onMessageSent(data: string | Uint8Array): void;
  /** Called when a message in pieces begins. */
  onMessageSentStart(type: MessageType): void;
  /** Called behind a piece of it that was sent. */
  onMessageSentData(piece: Uint8Array, final: boolean): void;
}

/** What a link counts. What the platform below does not show is undefined. */
export interface LinkStats {
  /** Bytes received. */
  readonly bytesReceived: number | undefined;
  /** Bytes that were passed on to be sent; of these, some may still be part of `bufferedAmount`. */
  readonly bytesSent: number | undefined;
  /** Frames received, the control frames among them. */
  readonly framesReceived: number | undefined;
  /** Frames sent, the control frames among them. */
  readonly framesSent: number | undefined;
  /** How long the connection has been open, or was, in milliseconds. */
  readonly openTime: number;
  /** How long the system has held back what was sent, as the peer did not take it, in milliseconds. */
  readonly bufferedTime: number | undefined;
  /** How long reading was paused, by `pause` or by what waited to be read, in milliseconds. */
  readonly pausedTime: number;
}

/** Messages in and out. */
export interface Link {
  /** What it can do. */
  readonly capabilities: Capabilities;
  /** The agreed subprotocol, or `""`. */
  readonly protocol: string;
  /** The agreed extensions as in the header, or `""`. */
  readonly extensions: string;
  /** The peer's address, where known. */
  readonly remoteAddress: TransportAddress | undefined;
  /** Where it stands. */
  readonly readyState: ReadyState;
  /** Bytes on their way out that the system has not taken. */
  readonly bufferedAmount: number;
  /**
   * Whether messages can be sent: while open, and on our own protocol also while our answer to the peer's
   * Close waits for replies.
   */
  readonly canSend: boolean;
  /** This end's role; undefined where the platform does not say. */
  readonly role: Role | undefined;
  /** Which side was the first to send or to cause a Close; undefined before, or where it is not known. */
  readonly closeInitiator: "local" | "remote" | undefined;
  /** Sets what sees what passes from now on, or nothing. */
  setTap(tap: LinkTap | undefined): void;
  /** Begins to read: messages go to one receiver, everything else to the other. Called once. */
  start(messages: LinkMessages, events: LinkEvents): void;
  /** What it has counted so far. */
  readonly stats: LinkStats;
  /** What compression has saved so far; undefined where there is none. */
  readonly compression: ExtensionBytes | undefined;
  /**
   * Sends a message, uncompressed if so asked: false if more than the high-water mark was waiting
   * before it, or once closing began.
   */
  send(data: string | Uint8Array, compress?: boolean): boolean;
  /** Begins a message in pieces; until its last one `send` is not to be called. */
  beginMessage(type: MessageType, compress?: boolean): void;
  /** Sends a piece of it, the last one if `final`: false above the high-water mark, or when closing. */
  writeMessage(piece: Uint8Array, final: boolean): boolean;
  /** Asks for a `drain` when some of what is buffered has left and no more than the mark waits. */
  wantDrain(): void;
  /** `actual` bytes wait, more than `maxBufferedAmount`: what has not left is dropped, then 1008. */
  overflow(actual: number): void;
  /**
   * Called when an empty pong came: returns the round trip in milliseconds if it answers a ping of the
   * keepalive, and its time was not spoiled.
   */
  onEmptyPong(): number | undefined;
  /** Sends a ping with this payload. */
  ping(payload: Uint8Array): void;
  /** Sends a pong that answers no ping, where the platform can. */
  pong(payload: Uint8Array): void;
  /**
   * Begins the closing handshake. When the peer has begun it, our answer leaves at once; later calls do
   * nothing.
   */
  close(status: CloseStatus): void;
  /** Called when no message is queued any more, or a handler is done: our answer need not wait for it. */
  onRepliesDone(): void;
  /** Closes because of an error, which `closed` reports. */
  fail(status: CloseStatus, error: Error): void;
  /** Drops the peer at once. */
  terminate(): void;
  /** Stops giving messages; may be called again while it is paused. */
  pause(): void;
  /** Delivers messages again; without effect once the link has closed. */
  resume(): void;
}
