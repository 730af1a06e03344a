/**
 * WebSocket connections over the streams of `node:http2` (RFC 8441), on our own protocol, in Node,
 * Deno and Bun.
 *
 * @module
 */
import type { WebSocketConnection } from "../connection/connection.ts";
import type { ConnectionUser, RefusalContext } from "../connection/handlers.ts";
import type { MessageData } from "../connection/inbox.ts";
import type { AnyMessage } from "../connection/incoming_message.ts";
import type { Transport } from "../connection/transport.ts";
import { isBoundToLoopback } from "../handshake/host.ts";
import {
  connectAnswer,
  connectRefusal,
  type Http2Headers,
  judgeConnect,
  readHttp2Request,
} from "../handshake/http2.ts";
import { toRequest, type WebSocketRequest } from "../handshake/server.ts";
import { checkMethods } from "../options.ts";
import { type Admission, type AdmissionFacts, admit, refuse } from "../server/admission.ts";
import { faultContext, requestContext } from "../server/failures.ts";
import { openConnection } from "../server/opened.ts";
import {
  type AcceptOptions,
  readServerOptionsFor,
  type ServerSettings,
} from "../server/options.ts";
import { cancelBody, clientLeft, ResponseSender } from "../server/response_sender.ts";
import { take } from "../server/taken.ts";
import { fromHttp2Stream, type Http2Stream } from "../transport/http2.ts";

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
  websocket?: ConnectionUser<Data, Message>;
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
    take(stream);
  } catch (error) {
    const context = requestContext(() => readHttp2Request(headers), undefined);
    settings.onError(error, faultContext(context));
    return undefined;
  }
  const transport = fromHttp2Stream(stream); // hears of errors from here on
  const asking = new Asking(stream, transport, headers);
  const judge = (): WebSocketRequest => {
    if (problem !== undefined) throw problem.error;
    return asking.judge(settings);
  };
  const admission = await admit(judge, settings, asking);
  try {
    if (asking.gone()) {
      if (admission.kind === "refuse") cancelBody(admission.response, clientLeft());
      return undefined;
    }
    if (admission.kind === "accept") return accept(asking, admission, settings);
    await respondWith(asking, admission.response, settings);
  } catch (error) {
    const response = refuse(error, settings, asking.context);
    await respondWith(asking, response, settings).catch(() => transport.close());
  }
  return undefined;
}

/** A stream, and what it asks for. */
class Asking implements AdmissionFacts {
  readonly stream: ServerHttp2Stream;
  readonly transport: Transport;
  readonly secure: boolean;
  readonly context: RefusalContext;
  /** The request as the hook has seen it. */
  seen: Request | undefined;
  readonly #headers: Http2Headers;
  #asked: WebSocketRequest | undefined;

  constructor(stream: ServerHttp2Stream, transport: Transport, headers: Http2Headers) {
    this.stream = stream;
    this.transport = transport;
    this.#headers = headers;
    this.secure = transport.secure;
    const read = (): Request | undefined => this.seen ??= readHttp2Request(headers);
    this.context = requestContext(read, transport.remoteAddress);
  }

  /** Whether the client has left. */
  gone(): boolean {
    return this.stream.closed || this.stream.destroyed;
  }

  judge<Data, Message extends AnyMessage>(
    settings: ServerSettings<Data, Message>,
  ): WebSocketRequest {
    const { origins, hosts, maxHeaders, maxHeaderSize } = settings;
    const { secure, stream: { session } } = this;
    const boundToLoopback = session !== undefined && isBoundToLoopback(session.socket);
    const options = { secure, boundToLoopback, origins, hosts, maxHeaders, maxHeaderSize };
    return this.#asked = judgeConnect(this.#headers, options);
  }

  /** For the hook, which may have to be told that the client has gone. */
  get request(): Request {
    const leaving = new AbortController();
    this.stream.on("close", () => leaving.abort(clientLeft()));
    return this.seen = toRequest(this.#asked!, leaving.signal);
  }
}

function accept<Data, Message extends AnyMessage>(
  { stream, transport, seen: request }: Asking,
  { asked, protocol, headers, data }: Admission<Data> & { kind: "accept" },
  settings: ServerSettings<Data, Message>,
): WebSocketConnection<Data, Message> {
  const accepted = { asked, request, protocol, data };
  const { connection, extensions } = openConnection<Data, Message>(transport, settings, accepted);
  respond(stream, connectAnswer({ protocol, extensions, headers }));
  connection.start(settings.websocket);
  return connection;
}

/** Sends the Response, as fast as the client takes it. Rejects if no head could be sent. */
async function respondWith<Data, Message extends AnyMessage>(
  { stream, transport, context }: Asking,
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
    data(): void {},
    drain: (): void => sender.onDrain(),
    end(): void {},
    close: (): void => sender.cancel(clientLeft()),
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
