/**
 * WebSocket servers with a socket of their own, on Deno, Bun and Node.
 *
 * @module
 */
export { accept } from "./accept.ts";
export {
  listen,
  type ListenOptions,
  type ShutdownOptions,
  type WebSocketServer,
} from "./listen.ts";
export type { ServerStats, ServerTraffic } from "./server_stats.ts";
export type { AcceptOptions } from "./options.ts";
export type { UpgradeOptions } from "./upgrade_options.ts";
export type { ServerTlsOptions, TlsKeyPair, TransportListenOptions } from "../link/transport.ts";
export type {
  DataOf,
  DataOfEach,
  HandshakeDecision,
  HandshakeHook,
  HandshakeInfo,
  HandshakeResult,
  NotADecision,
  PeerCertificate,
  WithHandshake,
} from "../handshake/hook.ts";
export { isWebSocketUpgrade, type RequestLike } from "../handshake/upgrade.ts";
export type { OriginPolicy, OriginRequestInfo } from "../handshake/origin.ts";
export type { HostPolicy } from "../handshake/host.ts";
export { forwardedHeaders } from "../handshake/forwarded_headers.ts";
