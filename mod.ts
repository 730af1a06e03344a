/**
 * WebSocket (RFC 6455) in plain TypeScript on Web Streams, for Deno, Bun, edge functions, Node and
 * the browser.
 *
 * - {@linkcode connect} opens a client connection; `@sluice/websocket/server` has `listen`.
 * - {@linkcode reconnecting} opens one that comes back when it is lost.
 * - {@linkcode WebSocket} is the class of the WebSockets standard, for code and libraries that take one.
 * - {@linkcode WebSocketStream} is the same as a pair of streams, to the proposal of the WHATWG.
 * - {@linkcode WebSocketConnection} is the same on either side, in every runtime.
 * - `@sluice/websocket/browser` has the same without what a browser cannot use, and
 *   `@sluice/websocket/codec` the frames and messages alone.
 *
 * @module
 */
export { connect } from "./lib/client/connect.ts";
export { reconnecting } from "./lib/client/reconnecting/reconnecting.ts";
export { fromByteStream, type FromByteStreamOptions } from "./lib/client/from_byte_stream.ts";
export * from "./lib/client/mod.ts";
export { WebSocket, WebSocketStream } from "./lib/client/whatwg/classes.ts";
export { WebSocketError } from "./lib/client/whatwg/web_socket_error.ts";
export type { RefusalContext, RefusalHandler } from "./lib/connection/handlers.ts";
export type { Role } from "./lib/frame/opcode.ts";
export { isWebSocketUpgrade, type RequestLike } from "./lib/handshake/upgrade.ts";
