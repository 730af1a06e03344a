/**
 * WebSocket connections behind the `upgrade` event of `node:http` and `node:https`, in Node, Deno and
 * Bun, on our own protocol.
 *
 * @module
 */
import type { WebSocketConnection } from "../../connection/connection.ts";
import type { ConnectionHandler } from "../../connection/connection.ts";
import type { MessageData } from "../../message/message.ts";
import type { AnyMessage } from "../../connection/streamed_message.ts";
import { HandshakeError } from "../../errors.ts";
import { HeaderLines, type RequestHead } from "../../handshake/head.ts";
import { boundAddress, isBoundToLoopback } from "../../handshake/host.ts";
import { readRequest } from "../../handshake/server.ts";
import { checkMethods, typeName } from "../../options.ts";
import { faultContext, requestContext } from "../../server/failures.ts";
import { ServerHandshake } from "../../server/handshake.ts";
import { type AcceptOptions, readServerOptionsFor } from "../../server/options.ts";
import { markUpgraded } from "../../server/upgraded.ts";
import { fromNodeSocket } from "../../transport/node.ts";
import { type NodeSocket, toAddress } from "../../transport/node_api.ts";

/** How to accept a connection behind `node:http`. */
export interface NodeUpgradeOptions<Data = undefined, Message extends AnyMessage = MessageData>
  extends AcceptOptions<Data, Message> {
  /**
   * Handlers, or a function that is given the connection once it is open. Without it the connection is
   * what the promise gives.
   */
  websocket?: ConnectionHandler<Data, Message>;
}

/** What is used of an `http.IncomingMessage`. */
export interface NodeRequest {
  /** The method. */
  readonly method?: string | undefined;
  /** The request target, as sent. */
  readonly url?: string | undefined;
  /** `"1.1"` or `"1.0"`. */
  readonly httpVersion: string;
  /** Names and values in turn, as sent. */
  readonly rawHeaders: readonly string[];
}

/**
 * Accepts the WebSocket that a request asks for, or refuses. Never rejects: resolves with undefined
 * once a refusal has been sent, or the peer has gone.
 */
export function upgradeHttp<Data, Message extends AnyMessage>(
  request: NodeRequest,
  socket: NodeSocket,
  rest: Uint8Array,
  options: NodeUpgradeOptions<Data, Message> = {},
): Promise<WebSocketConnection<Data, Message> | undefined> {
  return new Promise((resolve) => {
    const what = "upgrade: the second argument must be the socket of the event";
    checkMethods(what, socket, "write", "destroy", "on");
    if (socket.destroyed) return resolve(undefined); // it tells nothing any more
    const { settings, problem } = readServerOptionsFor<Data, Message>(options);
    const head = headOf(request);
    const bound = boundAddress(socket), path = typeof bound === "string" ? bound : undefined;
    try {
      markUpgraded(socket);
    } catch (error) {
      const from = toAddress(path, socket.remoteAddress, socket.remotePort);
      const read = () => readRequest(head, { secure: socket.encrypted === true });
      settings.onError(error, faultContext(requestContext(read, from)));
      return resolve(undefined);
    }
    const opening = new ServerHandshake<Data, Message>(fromNodeSocket(socket, path), settings, {
      boundToLoopback: isBoundToLoopback(socket),
      onOpen: (_opening, connection): void => resolve(connection),
      onEnd: (): void => resolve(undefined),
    });
    const check = (): void => {
      if (problem !== undefined) throw problem.error;
      if (!ArrayBuffer.isView(rest)) {
        throw new TypeError(
          `Cannot upgrade: the third argument must be the head of the event, got ${typeName(rest)}`,
        );
      }
      checkHead(head, request.httpVersion, settings);
    };
    opening.startAfterHead(head, check, rest);
  });
}

/** The head that `node:http` has read, as it was sent. */
function headOf({ method = "", url: target = "", rawHeaders }: NodeRequest): RequestHead {
  const headers = new HeaderLines();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    headers.append(rawHeaders[at], rawHeaders[at + 1]);
  }
  return { method, target, headers };
}

/**
 * Node has limits of its own, and drops the lines past its `maxHeadersCount` without a word; ours are
 * lower, unless they are raised.
 *
 * @throws {HandshakeError} 505 for HTTP/1.0, 431 for a head that is too large.
 */
function checkHead(
  { method, target, headers }: RequestHead,
  httpVersion: string,
  { maxHeaders, maxHeaderSize }: { maxHeaders: number; maxHeaderSize: number },
): void {
  // RFC 6455 section 4.1, item 2: HTTP/1.1 or higher.
  if (httpVersion !== "1.1") {
    const why = `Cannot accept handshake: the request is HTTP/${httpVersion}, use HTTP/1.1 ` +
      "(a proxy in between must speak it)";
    throw new HandshakeError("HTTP_VERSION", why, { status: 505 });
  }
  let size = `${method} ${target} HTTP/1.1\r\n\r\n`.length;
  // A colon, a space, and the line's end.
  for (const [name, value] of headers) size += name.length + value.length + 4;
  if (headers.size > maxHeaders) refuseTooLarge(`${maxHeaders} header lines`, "maxHeaders");
  if (size > maxHeaderSize) refuseTooLarge(`${maxHeaderSize} bytes`, "maxHeaderSize");
}

function refuseTooLarge(limit: string, option: string): never {
  const why = `Cannot accept handshake: the request has more than ${limit} (option ${option})`;
  throw new HandshakeError("HEAD_TOO_LARGE", why, { status: 431 });
}
