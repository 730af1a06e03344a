/**
 * The names that the entries `.` and `./browser` have in common: all but `connect` and what a page cannot
 * use.
 *
 * @module
 */
export type { ClientHttp2Session, ConnectOptions } from "./options.ts";
export { ReconnectingConnection } from "./reconnecting/reconnecting_connection.ts";
export type {
  ForEachAttempt,
  ReconnectingOptions,
  ReconnectingState,
  UnsentReason,
} from "./reconnecting/options.ts";
export type { HeartbeatOptions } from "./reconnecting/heartbeat.ts";
export { fromWebSocket, type FromWebSocketOptions } from "./from_web_socket.ts";
export { WebSocketConnection } from "../connection/connection.ts";
export type { ConnectionStats } from "../connection/stats.ts";
export type { Clock } from "../protocol/clock.ts";
export type {
  ConnectionHandler,
  ConnectionHandlers,
  ErrorContext,
  ErrorHandler,
} from "../connection/connection.ts";
export type { MessageData } from "../message/message.ts";
export {
  type AnyMessage,
  type BodyOptions,
  type MessageModeOf,
  type MessageOf,
  StreamedMessage,
} from "../connection/streamed_message.ts";
export type { Capabilities, LinkStats, ReadyState } from "../link/link.ts";
export type { ConnectionOptions, MessageMode } from "../protocol/options.ts";
export type {
  SendData,
  SendOptions,
  SendSource,
  SendSourceOptions,
} from "../connection/send_data.ts";
export type { PeerCertificate } from "../handshake/hook.ts";
export type {
  ClientTlsOptions,
  ServerTlsOptions,
  TlsKeyPair,
  Transport,
  TransportAddress,
  TransportConnectOptions,
  TransportListener,
  TransportListenerSink,
  TransportListenOptions,
  TransportNetwork,
  TransportSink,
  TransportTunnel,
  WriteResult,
} from "../link/transport.ts";
export type { PerMessageDeflateOptions } from "../deflate/options.ts";
export type { WebSocketEventLike, WebSocketLike } from "../connection/web_socket.ts";
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
} from "../errors.ts";
export type { MaskSource } from "../frame/mask.ts";
export type { Http2Headers } from "../handshake/http2.ts";
export type { HandshakeResponse } from "../handshake/response.ts";
export type { PingOptions } from "../connection/pings.ts";
export type { ByteStreamPair } from "../transport/byte_stream.ts";
export type { HeaderEntries } from "../handshake/caller_headers.ts";
export type { ExtensionBytes } from "../message/extension.ts";
export type { MessageType } from "../message/message.ts";
export type { Http2Session, Http2SessionSocket, Http2Stream } from "../transport/http2_api.ts";
export type { Duplex } from "../transport/duplex_transport.ts";
export {
  CloseEvent,
  type CloseEventConstructor,
  type CloseEventInit,
  MessageEvent,
  type MessageEventConstructor,
  type MessageEventInit,
} from "./whatwg/events.ts";
export type { EventHandler } from "./whatwg/event_handlers.ts";
export {
  type BinaryType,
  type WebSocketConstructor,
  type WebSocketData,
  type WebSocketObject,
  type WebSocketOptions,
} from "./whatwg/web_socket.ts";
export {
  type WebSocketCloseInfo,
  type WebSocketErrorConstructor,
} from "./whatwg/web_socket_error.ts";
export {
  type WebSocketOpenInfo,
  type WebSocketStreamConstructor,
  type WebSocketStreamObject,
  type WebSocketStreamOptions,
} from "./whatwg/web_socket_stream.ts";
