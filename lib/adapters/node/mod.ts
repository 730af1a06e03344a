/**
 * WebSocket connections behind `node:http`, `node:https` and `node:http2`, in Node, Deno and Bun: the
 * way to serve pages and WebSockets, compressed ones as well, on one port.
 *
 * @module
 */
import type { WebSocketConnection } from "../../connection/connection.ts";
import type { DataOf, HandshakeResult, WithHandshake } from "../../handshake/hook.ts";
import type { MessageOf } from "../../connection/streamed_message.ts";
import type { MessageMode } from "../../protocol/options.ts";
import type { Http2Headers } from "../../handshake/http2.ts";
import type { NodeSocket } from "../../transport/node_api.ts";
import { type NodeRequest, type NodeUpgradeOptions, upgradeHttp } from "./http.ts";
import { type Http2UpgradeOptions, type ServerHttp2Stream, upgradeHttp2 } from "./http2.ts";

export type { NodeRequest, NodeUpgradeOptions } from "./http.ts";
export type { Http2UpgradeOptions, ServerHttp2Stream } from "./http2.ts";
export type { Http2Headers } from "../../handshake/http2.ts";
export { isWebSocketUpgrade, type RequestLike } from "../../handshake/upgrade.ts";
export type { Http2Stream } from "../../transport/http2_api.ts";
export type { NodeSocket, NodeX509 } from "../../transport/node_api.ts";

/**
 * Accepts the WebSocket that a request asks for, or refuses: for the `upgrade` event of `node:http` and
 * `node:https`. It is our own protocol on the server's socket (RFC 6455 section 4.2), with everything
 * that `listen` has: `perMessageDeflate`, pause, pings, messages of any size.
 *
 * Resolves with the connection once it is open, or with undefined: when it was refused and the peer
 * has been sent the refusal, or when the peer has gone. It does not reject: refusals go to
 * `onRefused`, errors, those of the options as well (the peer gets 500), to `onError`.
 *
 * Call it in the event itself: to wait, use the hook `handshake`. Until the call nobody hears
 * the socket's errors, and Deno's `node:https` keeps all that a client sends. From then on the socket is
 * ours, and the server's timeouts do not concern it. `server.close()` waits for the connections that are
 * open, and closes none: close them with 1001.
 *
 * @throws {TypeError} If it is called without a request and its socket (rejects): there is nobody to
 * answer.
 *
 * @example One port for a page and a WebSocket.
 * ```ts
 * import { createServer } from "node:http";
 * import { connect } from "@sluice/websocket";
 * import { upgrade } from "@sluice/websocket/node";
 *
 * const server = createServer((_request, response) => response.end("Hello"));
 * server.on("upgrade", (request, socket, head) => {
 *   upgrade(request, socket, head, {
 *     perMessageDeflate: true,
 *     websocket: { message: (connection, data) => void connection.send(data) },
 *   });
 * });
 * await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
 * const { port } = server.address() as { port: number };
 * await using connection = await connect(`ws://127.0.0.1:${port}/`);
 * connection.send("Hello");
 * console.log(await connection.receive()); // Hello
 * server.close();
 * ```
 */
export function upgrade<Result extends HandshakeResult | void, Mode extends MessageMode = "whole">(
  request: NodeRequest,
  socket: NodeSocket,
  head: Uint8Array,
  options: WithHandshake<NodeUpgradeOptions<DataOf<Result>, MessageOf<Mode>>, Result> & {
    messages?: Mode;
  },
): Promise<WebSocketConnection<DataOf<Result>, MessageOf<Mode>> | undefined>;
/** The same without a hook, or with a type for `data`. */
export function upgrade<Data = undefined, Mode extends MessageMode = "whole">(
  request: NodeRequest,
  socket: NodeSocket,
  head: Uint8Array,
  options?: NodeUpgradeOptions<Data, MessageOf<Mode>> & { messages?: Mode },
): Promise<WebSocketConnection<Data, MessageOf<Mode>> | undefined>;
/**
 * Accepts the WebSocket that an extended CONNECT asks for (RFC 8441 section 5), or refuses: for the
 * `stream` event of a `node:http2` server with `settings: { enableConnectProtocol: true }`. A stream that
 * asks for something else gets 405 or 501: look at `:method` first where documents are served as well.
 * A server with a `request` listener takes each CONNECT for itself; there it is the `connect` event.
 *
 * Each WebSocket is one stream of a session, with all that the other has; its window is what makes the
 * peer wait. What is a reset of the socket otherwise is one of the stream, and the session goes on.
 *
 * @example A WebSocket in an HTTP/2 session.
 * ```ts
 * import { connect as connectHttp2, createServer } from "node:http2";
 * import { connect } from "@sluice/websocket";
 * import { upgrade } from "@sluice/websocket/node";
 *
 * const server = createServer({ settings: { enableConnectProtocol: true } });
 * server.on("request", (_request, response) => response.end("Hello"));
 * server.on("connect", ({ stream, headers }) => {
 *   upgrade(stream, headers, {
 *     websocket: { message: (connection, data) => void connection.send(data) },
 *   });
 * });
 * await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
 * const { port } = server.address() as { port: number };
 * const session = connectHttp2(`http://127.0.0.1:${port}`);
 * const connection = await connect(`ws://127.0.0.1:${port}/`, { http2: session });
 * connection.send("Hello");
 * console.log(await connection.receive()); // Hello
 * connection.close();
 * await connection.closed;
 * session.close();
 * server.close();
 * ```
 */
export function upgrade<Result extends HandshakeResult | void, Mode extends MessageMode = "whole">(
  stream: ServerHttp2Stream,
  headers: Http2Headers,
  options: WithHandshake<Http2UpgradeOptions<DataOf<Result>, MessageOf<Mode>>, Result> & {
    messages?: Mode;
  },
): Promise<WebSocketConnection<DataOf<Result>, MessageOf<Mode>> | undefined>;
/** The same without a hook, or with a type for `data`. */
export function upgrade<Data = undefined, Mode extends MessageMode = "whole">(
  stream: ServerHttp2Stream,
  headers: Http2Headers,
  options?: Http2UpgradeOptions<Data, MessageOf<Mode>> & { messages?: Mode },
): Promise<WebSocketConnection<Data, MessageOf<Mode>> | undefined>;
export function upgrade(...given: unknown[]): Promise<unknown> {
  const [first] = given;
  // Only HTTP/1.1 has headers as they were sent.
  return typeof first === "object" && first !== null && "rawHeaders" in first
    ? upgradeHttp(...(given as Parameters<typeof upgradeHttp>))
    : upgradeHttp2(...(given as Parameters<typeof upgradeHttp2>));
}
