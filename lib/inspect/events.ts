/**
 * What an observer is called with.
 *
 * @module
 */
import type { CloseInfo, HandshakeError, TransportError } from "../errors.ts";
import type { ConnectionStats } from "../connection/stats.ts";
import type { AnyConnection } from "../connection/watcher.ts";
import type { TransportAddress } from "../link/transport.ts";

/** Which way something passed, as this end sees it. */
export type Direction = "sent" | "received";

/** A head of an opening handshake, without secrets. */
export interface ObservedHead {
  /** The header lines, in their order. Values that may be secret are replaced by `redacted`. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** The request of an opening handshake, without secrets. */
export interface ObservedRequest extends ObservedHead {
  /** The method: `GET`, or `CONNECT` over HTTP/2. */
  readonly method: string;
  /** The path and the query, whose secret values are replaced. */
  readonly target: string;
  /** The version of HTTP. */
  readonly httpVersion: "HTTP/1.1" | "HTTP/2";
}

/** The answer to it, without secrets. */
export interface ObservedResponse extends ObservedHead {
  /** The status. */
  readonly status: number;
  /** The reason phrase, or `""`. */
  readonly statusText: string;
}

/** An opening handshake that was accepted. */
export interface ObservedHandshake {
  /** The request. */
  readonly request: ObservedRequest;
  /** The answer. */
  readonly response: ObservedResponse;
}

/** A connection that is observed: one object for all its events. */
export interface ObservedConnection {
  /** A number of its own in this program, from 1. */
  readonly id: number;
  /** The connection itself. */
  readonly connection: AnyConnection;
  /** Which end this is; undefined for a platform's WebSocket that does not say. */
  readonly role: "client" | "server" | undefined;
  /** Its URL without credentials; secret values of the query are replaced. */
  readonly url: string;
  /** The agreed subprotocol, or `""`. */
  readonly protocol: string;
  /** The agreed extensions, or `""`. */
  readonly extensions: string;
  /** The peer's address, where known. */
  readonly remoteAddress: TransportAddress | undefined;
  /** When it was first observed, in milliseconds since 1970. */
  readonly openedAt: number;
  /** Both heads, if it was observed from the beginning, by its server or by `clients`. */
  readonly handshake: ObservedHandshake | undefined;
}

/** What every event has. */
export interface ObservedEvent {
  /** Where it happened. */
  readonly connection: ObservedConnection;
  /** When, in milliseconds since 1970, with fractions. */
  readonly time: number;
}

/** A connection has opened, or is observed from now on. */
export type ObservedOpening = ObservedEvent;

/** A frame has passed, whole: RFC 6455 section 5.2. */
export interface ObservedFrame extends ObservedEvent {
  /** Which way. */
  readonly direction: Direction;
  /** The opcode. */
  readonly opcode: number;
  /** Whether it is the last of its message. */
  readonly fin: boolean;
  /** The reserved bits: 0x40 (compressed), 0x20 and 0x10. */
  readonly rsv: number;
  /** Whether its payload was masked. */
  readonly masked: boolean;
  /** The size of its header on the wire, in bytes, the masking key among them. */
  readonly headerSize: number;
  /** The size of its payload on the wire, in bytes. */
  readonly payloadSize: number;
  /** The size of the payload before compression, in bytes; undefined where the extension does not report it. */
  readonly decodedSize: number | undefined;
  /** The number of its message in this direction, from 1 on; undefined for a control frame. */
  readonly message: number | undefined;
  /** Its number within the message, from 1 on; undefined for a control frame. */
  readonly fragment: number | undefined;
  /** The payload of a control frame, unmasked: yours to keep; undefined for a data frame. */
  readonly payload: Uint8Array | undefined;
  /** Of a Close frame, its code; 1005 without one. */
  readonly closeCode: number | undefined;
  /** Of a Close frame, which side was the first to send one. */
  readonly initiator: CloseInfo["initiator"] | undefined;
}

/** A message has passed, whole: inflated, or before it was compressed. */
export interface ObservedMessage extends ObservedEvent {
  /** Which way. */
  readonly direction: Direction;
  /** Its number in this direction, from 1 on. */
  readonly message: number;
  /** Its type. */
  readonly type: "text" | "binary";
  /** Its size in bytes, text in UTF-8. */
  readonly size: number;
  /**
   * Its content, of a message in pieces at most the first 64 KiB. Bytes are valid only for the length of the
   * call: copy what you keep.
   */
  readonly data: string | Uint8Array;
  /** Whether `data` is all of it. */
  readonly isComplete: boolean;
}

/** A connection is closed. */
export interface ObservedClose extends ObservedEvent {
  /** How it ended. */
  readonly info: CloseInfo;
  /** What it has counted. */
  readonly stats: ConnectionStats;
}

/** An opening handshake failed, or was refused. */
export interface ObservedRefusal {
  /** When, in milliseconds since 1970. */
  readonly time: number;
  /** Which end this is. */
  readonly role: "client" | "server";
  /** Why. The error is as it was thrown: its message may quote a part of the request. */
  readonly error: HandshakeError | TransportError;
  /** The URL, as far as it is known, without secrets. */
  readonly url: string;
  /** The peer's address, where known. */
  readonly remoteAddress: TransportAddress | undefined;
  /** The request, as far as it is known, without secrets. */
  readonly request: ObservedRequest | undefined;
}

/** An event that was kept, with what kind of event it is. */
export type RecordedEvent =
  | Readonly<{ kind: "open" } & ObservedOpening>
  | Readonly<{ kind: "refused" } & ObservedRefusal>
  | Readonly<{ kind: "frame" } & ObservedFrame>
  | Readonly<{ kind: "message" } & ObservedMessage>
  | Readonly<{ kind: "close" } & ObservedClose>;

/**
 * Called with what happens. All handlers are optional; only `frame` and `message` cost anything while messages
 * pass. A handler that throws is reported by `console.error`, and changes nothing for the connection.
 */
export interface Observer {
  /** A connection has opened; of a server, also each that is open already. */
  open?(event: ObservedOpening): void;
  /** An opening handshake failed; called for servers and clients. */
  refused?(event: ObservedRefusal): void;
  /** A frame has passed. A platform's WebSocket shows none. */
  frame?(event: ObservedFrame): void;
  /** A message has passed: after its last frame, and before the handlers are called with it. */
  message?(event: ObservedMessage): void;
  /** A connection is closed: called last, after its own handler `close`. */
  close?(event: ObservedClose): void;
}

/** Returns the time of an event. */
export function eventTime(): number {
  return performance.timeOrigin + performance.now();
}
