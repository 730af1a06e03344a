/** An opening handshake over memory, with a client that says exactly what the test wants. */

import type { WebSocketConnection } from "../../lib/connection/connection.ts";
import type { MemoryTransportOptions } from "../../lib/transport/memory.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { ServerHandshake } from "../../lib/server/handshake.ts";
import {
  ACCEPT_OPTIONS,
  type AcceptOptions,
  readServerOptions,
  type ServerSettings,
} from "../../lib/server/options.ts";
import { bytesOf, Peer, SpyTransport, textOf } from "../connection/support.ts";
import { VirtualClock } from "../../lib/testing/clock.ts";
import { requestText } from "../support/opening.ts";
import { listen, type ListenOptions, type WebSocketServer } from "../../lib/server/listen.ts";

/** A request that breaks no rule. */
export const REQUEST: string = requestText({}, "GET /chat?room=1 HTTP/1.1");

/** A request with other lines than an upgrade's. */
export function plain(start: string, ...lines: readonly string[]): string {
  return [`${start} HTTP/1.1`, "Host: localhost", ...lines, "\r\n"].join("\r\n");
}

/** The head and the body of what a server answered. */
export function answerOf(peer: Peer): { status: number; head: string; body: string } {
  const text = textOf(peer.bytes);
  const end = text.indexOf("\r\n\r\n");
  return { status: Number(text.slice(9, 12)), head: text.slice(0, end), body: text.slice(end + 4) };
}

/** Handlers that send each message back. */
export const ECHO: ListenOptions["websocket"] = {
  message: (connection, data) => void connection.send(data),
};

/** Returns the URL of a server. */
export const urlOf = ({ address }: WebSocketServer): string => `ws://127.0.0.1:${address.port}/`;

/** Listens on a port of the system's choice, as an echo unless told otherwise. */
export function start(options: Partial<ListenOptions> = {}): Promise<WebSocketServer> {
  return listen({
    hostname: "127.0.0.1",
    port: 0,
    websocket: ECHO,
    onRefused: () => {},
    ...options,
  });
}

export interface OpeningOptions<Data> extends AcceptOptions<Data> {
  fetch?: ServerSettings<Data>["fetch"];
  memory?: MemoryTransportOptions;
}

export interface OpeningRig<Data> {
  opening: ServerHandshake<Data>;
  peer: Peer;
  clock: VirtualClock;
  transport: SpyTransport;
  /** The connection, once it is open. */
  opened: WebSocketConnection<Data>[];
  /** What the owner was told at the end of a handshake that failed. */
  ended: (Error | undefined)[];
  /** The phases that the owner was told of. */
  phases: string[];
  /** What `onError` got. */
  errors: unknown[];
  /** What `onRefused` got. */
  refusals: Error[];
  /** The client's bytes, as text. */
  say(text: string): void;
}

/** Starts an opening handshake; pings are off. */
export function openingRig<Data = undefined>(
  { memory, ...options }: OpeningOptions<Data> = {},
): OpeningRig<Data> {
  const clock = new VirtualClock();
  const errors: unknown[] = [], refusals: Error[] = [];
  const opened: WebSocketConnection<Data>[] = [], ended: (Error | undefined)[] = [];
  const phases: string[] = [];
  const pair = memoryTransportPair(memory);
  const transport = new SpyTransport(pair.server);
  const settings = readServerOptions<Data>({
    pingInterval: Infinity,
    onError: (error): void => void errors.push(error),
    onRefused: (error): void => void refusals.push(error),
    ...options,
    clock,
  }, { ...ACCEPT_OPTIONS, fetch: true });
  const opening = new ServerHandshake<Data>(transport, settings, {
    boundToLoopback: true,
    onPhase: (_opening, phase): void => void phases.push(phase),
    onOpen: (_opening, connection): void => void opened.push(connection),
    onEnd: (_opening, error): void => void ended.push(error),
  });
  const peer = new Peer(pair.client, true);
  opening.start();
  return {
    opening,
    peer,
    clock,
    transport,
    opened,
    ended,
    phases,
    errors,
    refusals,
    say: (text): void => peer.write(bytesOf(text)),
  };
}
