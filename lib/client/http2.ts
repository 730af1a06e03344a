/**
 * Connecting over an HTTP/2 session that is there already (RFC 8441): each WebSocket is one stream of
 * it.
 *
 * @module
 */
import type { WebSocketConnection } from "../connection/connection.ts";
import type { AnyMessage } from "../connection/streamed_message.ts";
import { TransportError } from "../errors.ts";
import { connectRequest, type Http2Headers, notEnabled } from "../handshake/http2.ts";
import { textOf } from "../thrown.ts";
import { connectionError } from "../transport/errors.ts";
import type { Http2Stream } from "../transport/http2_api.ts";
import { abortable } from "../transport/timing.ts";
import type { ClientHttp2Session, SocketPlan } from "./options.ts";
import { Http2Handshake } from "./http2_handshake.ts";
import { whenOpened } from "./opening.ts";
import { createClientConnection } from "./create_connection.ts";

/** Options of a socket and of reading from it: the session has its own. */
const UNSUPPORTED = [
  "tls",
  "path",
  "proxy",
  "byteStream",
  "maxRedirects",
  "connectTimeout",
  "maxHeaderSize",
  "maxHeaders",
] as const;

/**
 * Opens a stream of the session and makes the handshake on it.
 *
 * @throws {TypeError} For an option that belongs to the session, or a `wss:` URL and a session without
 * TLS (rejects).
 */
export async function connectHttp2<Message extends AnyMessage>(
  session: ClientHttp2Session,
  plan: SocketPlan<Message>,
  signal: AbortSignal,
): Promise<WebSocketConnection<undefined, Message>> {
  const { target, offer, terms, options } = plan;
  const unsupported = UNSUPPORTED.find((name) => options[name] !== undefined);
  if (unsupported !== undefined) {
    throw new TypeError(
      `Cannot connect: the option ${unsupported} does not go with http2, it belongs to the session`,
    );
  }
  const request = connectRequest(target, offer);
  // RFC 8441 section 3: not before the server has allowed it, or it would break off the session.
  await abortable(settled(session), signal, () => {});
  if (session.destroyed || session.closed) throw sessionError();
  if (session.remoteSettings.enableConnectProtocol !== true) throw notEnabled(target.host);
  if (target.protocol === "wss:" && session.encrypted === false) {
    throw new TypeError("Cannot connect: the URL's scheme is wss, and the session has no TLS");
  }
  return await whenOpened(
    (events) => new Http2Handshake(openStream(session, request), terms, events),
    (transport, opened) => createClientConnection(transport, plan, { ...opened, request }),
    signal,
  );
}

/** What is waited for, once for all that connect over a session. */
const settling = /* @__PURE__ */ new WeakMap<ClientHttp2Session, Promise<void>>();

function settled(session: ClientHttp2Session): Promise<void> {
  let known = settling.get(session);
  if (known === undefined) {
    settling.set(session, known = settle(session));
    known.catch(() => settling.delete(session));
  }
  // An error for each, as each has its caller in its stack.
  return known.catch((error: TransportError) => {
    throw new TransportError(error.code, error.message, { cause: error.cause });
  });
}

/**
 * Resolves when the server's settings are known. A session has no event for it, but they are the
 * first that a server sends (RFC 9113 section 3.4): once it has answered a ping, they are here.
 */
function settle(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    if (session.destroyed || session.closed) return reject(sessionError());
    const over = (): void => {
      session.off("error", fail);
      session.off("close", fail);
    };
    const fail = (cause?: Error): void => {
      over();
      reject(sessionError(cause));
    };
    const ping = (): void => {
      try {
        session.ping((error) => {
          if (error) return fail(error);
          over();
          resolve();
        });
      } catch (error) {
        fail(error as Error); // destroyed while it was connecting, Node still says that it is connected
      }
    };
    session.once("error", fail);
    session.once("close", fail);
    // Not before: a ping of a session that is still connecting is cancelled.
    if (session.connecting) session.once("connect", ping);
    else ping();
  });
}

/** Some sessions throw when they are gone, and some give a stream that fails. */
function openStream(session: ClientHttp2Session, request: Http2Headers): Http2Stream {
  try {
    return session.request(request);
  } catch (error) {
    throw session.destroyed || session.closed ? sessionError(error) : error;
  }
}

function sessionError(cause?: unknown): TransportError {
  if (cause === undefined) {
    return new TransportError("CONNECTION_ENDED", "Cannot connect: the HTTP/2 session is closed");
  }
  const { code } = connectionError(cause);
  const message = `Cannot connect: the HTTP/2 session failed (${textOf(cause)})`;
  return new TransportError(code, message, { cause });
}
