/**
 * The protocol of WebSocket (RFC 6455, 7692) without I/O, for both roles: the opening handshake, the
 * messages, the closing handshake. Bytes that came go in, bytes to send come out; sockets, timers and
 * promises are left to the code that uses it. It is what this library's own connections run on.
 *
 * {@linkcode ClientUpgrade} and {@linkcode ServerUpgrade} make the opening handshake over HTTP/1.1. What
 * they agree on is what a {@linkcode Protocol} is created with:
 *
 * - `receive` decodes what came: messages go to the receiver, pings are answered.
 * - `encoder` encodes messages and pings, `close` a Close frame. What is to be sent is in `output`.
 * - `onClosing` reports the peer's Close, or a violation: call `answer`, and send the output. From then on
 *   {@linkcode isReading} and {@linkcode canSend} of `state` say what is still possible; tell the protocol
 *   by `move` when the output has been sent (`"flush"`), or the peer has ended its direction (`"end"`).
 * - `extensions` is a list, in the order in which they apply to what is sent: entries of
 *   {@linkcode ExtensionDefinition}, of which {@linkcode perMessageDeflate} returns one. `examples/checksum`
 *   is another, in 30 lines.
 * - In the state `"finished"` both Close frames have passed: the server closes the transport first
 *   (section 7.1.1). Timeouts are yours to keep.
 *
 * @example A client and a server over a pipe in memory, from the request to the end.
 * ```ts
 * import { ClientUpgrade, Protocol, type ProtocolInit, ServerUpgrade } from "@sluice/websocket/protocol";
 * import assert from "node:assert/strict";
 *
 * // The opening handshake.
 * const client = new ClientUpgrade("ws://example.com/chat", {
 *   protocols: ["chat"],
 *   perMessageDeflate: true,
 * });
 * const server = new ServerUpgrade({ protocols: ["chat"], perMessageDeflate: true });
 * const request = server.receive(client.request)!;
 * assert.equal(request.url, "http://example.com/chat");
 * const accepted = server.accept();
 * const opened = client.receive(accepted.response)!;
 * assert.deepEqual([opened.protocol, opened.extensions], ["chat", "permessage-deflate"]);
 *
 * // One end of the open connection: `send` hands its bytes to the other end.
 * class End {
 *   readonly received: unknown[] = [];
 *   readonly protocol: Protocol;
 *   peer!: End;
 *
 *   constructor(init: ProtocolInit) {
 *     this.protocol = new Protocol(init, { onClosing: () => this.protocol.answer() });
 *     this.protocol.start(
 *       { onMessage: (data) => void this.received.push(data) },
 *       { onPing() {}, onPong: () => void this.received.push("pong") },
 *     );
 *   }
 *
 *   send(): void {
 *     const { output } = this.protocol;
 *     if (output.length === 0) return;
 *     const bytes = output.take();
 *     this.protocol.move("flush");
 *     this.peer.protocol.receive(bytes);
 *     this.peer.send(); // its pongs, and its answer to a Close
 *   }
 * }
 * const one = new End(opened.init), other = new End(accepted.init);
 * one.peer = other;
 * other.peer = one;
 *
 * one.protocol.encoder.message("Hello");
 * one.protocol.encoder.ping(new Uint8Array());
 * one.send();
 * assert.deepEqual([other.received, one.received], [["Hello"], ["pong"]]);
 *
 * one.protocol.close({ closeCode: 1000, reason: "done" });
 * one.send();
 * assert.deepEqual(other.protocol.closeReceived, { closeCode: 1000, reason: "done" });
 * assert.deepEqual([one.protocol.state, other.protocol.state], ["finished", "finished"]);
 * ```
 *
 * @module
 */
export {
  type CloseStatus,
  HandshakeError,
  type HandshakeErrorCode,
  type HandshakeErrorDetails,
  LimitError,
  ProtocolError,
  type ProtocolErrorCode,
  SluiceError,
} from "../errors.ts";
export type { PerMessageDeflateOptions, ResolvedPerMessageDeflate } from "../deflate/options.ts";
export type { OutputFlusher } from "../frame/encoder.ts";
export type { MaskSource } from "../frame/mask.ts";
export type { Role } from "../frame/opcode.ts";
export { OutputBuffer } from "../frame/output_buffer.ts";
export type { HeaderEntries } from "../handshake/caller_headers.ts";
export type { HostPolicy } from "../handshake/host.ts";
export type { OriginPolicy, OriginRequestInfo } from "../handshake/origin.ts";
export type { ControlSink, DataSink } from "../message/decoder.ts";
export type { MessageEncoder } from "../message/encoder.ts";
export { type ExtensionDefinition, perMessageDeflate } from "./extension_list.ts";
export type {
  ExtensionBytes,
  ExtensionOffer,
  MessageExtension,
  PieceSink,
} from "../message/extension.ts";
export type { MessageData, MessageType } from "../message/message.ts";
export type { Clock } from "./clock.ts";
export { afterEvent, canSend, type ClosingEvent, type ClosingState, isReading } from "./closing.ts";
export type { ConnectionOptions, MessageMode, ResolvedLimits } from "./options.ts";
export { type PingReceiver, Protocol, type ProtocolEvents, type ProtocolInit } from "./protocol.ts";
export { readConnectionOptions, type ResolvedConnectionOptions } from "./protocol_options.ts";
export {
  type Acceptance,
  type AcceptanceOptions,
  ClientUpgrade,
  type ClientUpgradeOptions,
  type HeadLimits,
  ServerUpgrade,
  type ServerUpgradeOptions,
  type Upgraded,
} from "./upgrade.ts";
