/**
 * What only connections with our own protocol can do: they are created with these parts. A page, whose
 * WebSocket can do none of it, does not load them.
 *
 * @module
 */
import type { CallSite } from "../call_site.ts";
import { type HandshakeResponse, unpackResponse } from "../handshake/response.ts";
import { unpackRequest } from "../handshake/server.ts";
import type { Link } from "../link/link.ts";
import { Timers } from "../link/timers.ts";
import type { ResolvedLimits } from "../protocol/options.ts";
import { Pings } from "./pings.ts";
import { readerOf, type SendSource, type SendSourceOptions, typeOf } from "./send_data.ts";
import { SendQueue, type SendQueueEvents } from "./send_queue.ts";
import { StreamedSend } from "./streamed_send.ts";

/** What a source is sent by. */
export interface StreamContext {
  link: Link;
  queue: SendQueue;
  options: ResolvedLimits;
  caller: CallSite;
  closedError(): Error;
}

/** Creates what a connection first needs when it is asked for it. */
export interface ConnectionParts {
  /** The pings of a connection; `paused` is whether reading is paused. */
  createPings(options: ResolvedLimits, paused: boolean): Pings;
  /** The queue behind a message that is sent from its source. */
  createQueue(link: Link, options: ResolvedLimits, events: SendQueueEvents): SendQueue;
  /** A message that is sent from its source. */
  createStream(
    source: SendSource,
    options: SendSourceOptions,
    context: StreamContext,
  ): StreamedSend;
  /** The request of a server's connection, of its header lines. */
  unpackRequest(url: string, packed: string): Request;
  /** What the server answered to a client. */
  unpackResponse(packed: string): HandshakeResponse;
}

/** The parts of connections with our own protocol. */
export const CONNECTION_PARTS: ConnectionParts = {
  createPings: (options, paused) => new Pings(options, paused),
  createQueue: (link, options, events) => new SendQueue(link, options, events),
  createStream: (source, options, { link, queue, options: { clock }, caller, closedError }) =>
    new StreamedSend(readerOf(source), { ...options, type: options.type ?? typeOf(source) }, {
      link,
      timers: Timers.of(clock),
      caller,
      untilDrain: () => queue.untilDrain(),
      closedError,
    }),
  unpackRequest,
  unpackResponse,
};
