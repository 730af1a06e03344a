/**
 * WebSocket connections over the streams of `node:http2` (RFC 8441), on our own protocol, in Node,
 * Deno and Bun.
 *
 * @module
 */
import type { WebSocketConnection } from "../../connection/connection.ts";
import type { ConnectionHandler } from "../../connection/connection.ts";
import type { RefusalContext } from "../../connection/handlers.ts";
import type { MessageData } from "../../message/message.ts";
import type { AnyMessage } from "../../connection/streamed_message.ts";
import type { Transport } from "../../link/transport.ts";
import { isBoundToLoopback } from "../../handshake/host.ts";
import {
  connectAnswer,
  connectRefusal,
  type Http2Headers,
  readHttp2Request,
  validateConnect,
} from "../../handshake/http2.ts";
import { toRequest, type WebSocketRequest } from "../../handshake/server.ts";
import { checkMethods } from "../../options.ts";
import {
  type AcceptedUpgrade,
  decideInTime,
  refuse,
  type UpgradeClient,
  type UpgradeInfo,
} from "../../server/decision.ts";
import { faultContext, requestContext } from "../../server/failures.ts";
import { createServerConnection } from "../../server/create_connection.ts";
import {
  type AcceptOptions,
  readServerOptionsFor,
  type ServerSettings,
} from "../../server/options.ts";
import { cancelBody, clientLeft, ResponseSender } from "../../server/response_sender.ts";
import { markUpgraded } from "../../server/upgraded.ts";
import type { Http2Stream } from "../../transport/http2_api.ts";
import { fromHttp2Stream } from "../../transport/http2.ts";

/** What is used of a `ServerHttp2Stream`: what the event `stream` gives. */
export interface ServerHttp2Stream extends Http2Stream {
  /** Answers. Each has it, but newer types of Node's do not say so of the event `stream`. */
  respond?(headers: Http2Headers): void;
}

/** How to accept a connection over HTTP/2. */
export interface Http2UpgradeOptions<Data = undefined, Message extends AnyMessage = MessageData>
  extends AcceptOptions<Data, Message> {
  /**
   * Handlers, or a function that is given the connection once it is open. Without it the connection is
   * what the promise gives.
   */
  websocket?: ConnectionHandler<Data, Message>;
}

/**
 * Accepts the WebSocket that an extended CONNECT asks for, or refuses: call it in the event `stream` of
 * a server of node:http2 with `settings: { enableConnectProtocol: true }`. Resolves with the connection
 * once it is open, and with undefined when it was refused or the client has left; never rejects.
 *
 * It is our own protocol on one stream of the session: all that `capabilities` names works. A stream
 * that asks for something else gets 405 or 501, so look at `:method` first where documents are served.
 */
export async function upgradeHttp2<
  Data = undefined,
  Message extends AnyMessage = MessageData,
>(
  stream: ServerHttp2Stream,
  headers: Http2Headers,
  options: Http2UpgradeOptions<Data, Message> = {},
): Promise<WebSocketConnection<Data, Message> | undefined> {
  const what = "upgrade: the arguments must be those of an event of the server, and options";
  checkMethods(what, stream, "on", "write");
  checkMethods(what, headers);
  const { settings, problem } = readServerOptionsFor<Data, Message>(options);
  try {
    markUpgraded(stream);
  } catch (error) {
    const context = requestContext(() => readHttp2Request(headers), undefined);
    settings.onError(error, faultContext(context));
    return undefined;
  }
  const transport = fromHttp2Stream(stream); // receives errors from here on
  const upgrade = new Http2Upgrade(stream, transport, headers);
  const validate = (): WebSocketRequest => {
    if (problem !== undefined) throw problem.error;
    return upgrade.validate(settings);
  };
  const decision = await decideInTime(validate, settings, upgrade);
  try {
    if (upgrade.hasLeft()) {
      if (decision.kind === "refuse") cancelBody(decision.response, clientLeft());
      return undefined;
    }
    if (decision.kind === "accept") return accept(upgrade, decision, settings);
    await respondWith(upgrade, decision.response, settings);
  } catch (error) {
    const response = refuse(error, settings, upgrade.context);
    await respondWith(upgrade, response, settings).catch(() => transport.close());
  }
  return undefined;
}

/** A stream, and what it asks for. */
class Http2Upgrade implements UpgradeInfo, UpgradeClient {
  readonly stream: ServerHttp2Stream;
  readonly transport: Transport;
  readonly secure: boolean;
  readonly context: RefusalContext;
  /** The request as the hook has seen it. */
  seen: Request | undefined;
  readonly #headers: Http2Headers;
  #validated: WebSocketRequest | undefined;

  constructor(stream: ServerHttp2Stream, transport: Transport, headers: Http2Headers) {
    this.stream = stream;
    this.transport = transport;
    this.#headers = headers;
    this.secure = transport.secure;
    const read = (): Request | undefined => this.seen ??= readHttp2Request(headers);
    this.context = requestContext(read, transport.remoteAddress);
  }

  /** Whether the client has left. */
  hasLeft(): boolean {
    return this.stream.closed || this.stream.destroyed;
  }

  validate<Data, Message extends AnyMessage>(
    settings: ServerSettings<Data, Message>,
  ): WebSocketRequest {
    const { origins, hosts, maxHeaders, maxHeaderSize } = settings;
    const { secure, stream: { session } } = this;
    const boundToLoopback = session !== undefined && isBoundToLoopback(session.socket);
    const options = { secure, boundToLoopback, origins, hosts, maxHeaders, maxHeaderSize };
    return this.#validated = validateConnect(this.#headers, options);
  }

  /** For the hook; it is aborted when the client leaves. */
  get request(): Request {
    const leaving = new AbortController();
    this.stream.on("close", () => leaving.abort(clientLeft()));
    return this.seen = toRequest(this.#validated!, leaving.signal);
  }
}

function accept<Data, Message extends AnyMessage>(
  { stream, transport, seen: request }: Http2Upgrade,
  { validated, protocol, headers, data }: AcceptedUpgrade<Data>,
  settings: ServerSettings<Data, Message>,
): WebSocketConnection<Data, Message> {
  const accepted = { validated, request, protocol, data };
  const { connection, extensions } = createServerConnection<Data, Message>(
    transport,
    settings,
    accepted,
  );
  respond(stream, connectAnswer({ protocol, extensions, headers }));
  connection.start(settings.websocket);
  return connection;
}

/** Sends the Response, as fast as the client takes it. Rejects if no head could be sent. */
async function respondWith<Data, Message extends AnyMessage>(
  { stream, transport, context }: Http2Upgrade,
  response: Response,
  settings: ServerSettings<Data, Message>,
): Promise<void> {
  const { handshakeTimeout, connection: { closeTimeout, clock }, onError } = settings;
  const sender = new ResponseSender(response, {
    transport,
    handshakeTimeout,
    closeTimeout,
    clock,
    sendBody: true,
    canChunk: false, // a stream has an end of its own
    head({ contentLength }): Uint8Array {
      const headers = connectRefusal(response);
      if (contentLength !== undefined) headers["content-length"] = contentLength;
      respond(stream, headers);
      return new Uint8Array(0);
    },
  });
  transport.start({
    onData(): void {},
    onDrain: (): void => sender.onDrain(),
    onEnd(): void {},
    onClose: (): void => sender.cancel(clientLeft()),
  });
  try {
    await sender.send();
  } catch (error) {
    if (!sender.headSent) throw error;
    onError(error, faultContext(context));
  }
  transport.close();
}

function respond(stream: ServerHttp2Stream, headers: Http2Headers): void {
  (stream as Required<ServerHttp2Stream>).respond(headers);
}
