/**
 * WebSocket (RFC 6455) in plain TypeScript on Web Streams, for Deno, Bun, edge functions, Node and
 * the browser.
 *
 * - {@linkcode connect} opens a client connection; `@sluice/websocket/server` has `listen`.
 * - {@linkcode WebSocketConnection} is the same on either side, in every runtime.
 * - `@sluice/websocket/browser` has the same without what a browser cannot use, and
 *   `@sluice/websocket/codec` the frames and messages alone.
 *
 * @module
 */
export { connect } from "./lib/client/connect.ts";
export type { ClientHttp2Session, ConnectOptions } from "./lib/client/options.ts";
export { fromByteStream, type FromByteStreamOptions } from "./lib/client/from_byte_stream.ts";
export { fromWebSocket, type FromWebSocketOptions } from "./lib/client/from_web_socket.ts";
export { type ConnectionStats, WebSocketConnection } from "./lib/connection/connection.ts";
export type { Clock } from "./lib/protocol/clock.ts";
export type {
  ConnectionHandler,
  ConnectionHandlers,
  ErrorContext,
  ErrorHandler,
} from "./lib/connection/connection.ts";
export type { RefusalContext, RefusalHandler } from "./lib/connection/handlers.ts";
export type { MessageData } from "./lib/message/message.ts";
export {
  type AnyMessage,
  type BodyOptions,
  type MessageModeOf,
  type MessageOf,
  StreamedMessage,
} from "./lib/connection/streamed_message.ts";
export type { Capabilities, ReadyState } from "./lib/link/link.ts";
export type { ConnectionOptions, MessageMode } from "./lib/protocol/options.ts";
export type {
  SendData,
  SendOptions,
  SendSource,
  SendSourceOptions,
} from "./lib/connection/send_data.ts";
export type { TransportAddress } from "./lib/link/transport.ts";
export type { PerMessageDeflateOptions } from "./lib/deflate/options.ts";
export type { WebSocketEventLike, WebSocketLike } from "./lib/connection/web_socket.ts";
export {
  type CloseInfo,
  type CloseStatus,
  ConnectionClosedError,
  HandshakeError,
  type HandshakeErrorCode,
  type HandshakeErrorDetails,
  LimitError,
  ProtocolError,
  type ProtocolErrorCode,
  SluiceError,
  TransportError,
  type TransportErrorCode,
} from "./lib/errors.ts";
export type { MaskSource } from "./lib/frame/mask.ts";
export type { Role } from "./lib/frame/opcode.ts";
export type { Http2Headers } from "./lib/handshake/http2.ts";
export type { HeaderEntries } from "./lib/handshake/caller_headers.ts";
export { isWebSocketUpgrade, type RequestLike } from "./lib/handshake/upgrade.ts";
export type { ExtensionBytes } from "./lib/message/extension.ts";
export type { MessageType } from "./lib/message/message.ts";
export type { ByteStreamPair } from "./lib/transport/byte_stream.ts";
export type { Http2Session, Http2SessionSocket, Http2Stream } from "./lib/transport/http2_api.ts";
export type { Duplex } from "./lib/transport/duplex_transport.ts";
