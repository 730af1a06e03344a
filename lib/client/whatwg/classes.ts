/**
 * The classes of the standard, for the entry `.`.
 *
 * @module
 */
import { connect } from "../connect.ts";
import { defineWebSocket, type WebSocketConstructor, type WebSocketObject } from "./web_socket.ts";
import {
  defineWebSocketStream,
  type WebSocketStreamConstructor,
  type WebSocketStreamObject,
} from "./web_socket_stream.ts";

/** What the class {@linkcode WebSocket} creates. */
export type WebSocket = WebSocketObject;

/** What the class {@linkcode WebSocketStream} creates. */
export type WebSocketStream = WebSocketStreamObject;

/**
 * The class WebSocket of the standard, on this library's own protocol: for code and libraries that take one.
 * The second argument may also be an object of options, those of `connect`.
 *
 * @example
 * ```ts
 * import { WebSocket } from "@sluice/websocket";
 * import { listen } from "@sluice/websocket/server";
 * import assert from "node:assert/strict";
 *
 * await using server = await listen({
 *   port: 0,
 *   websocket: { message: (connection, data) => void connection.send(data) },
 * });
 * const socket = new WebSocket(`ws://localhost:${server.address.port}/`);
 * socket.onopen = () => socket.send("Hello");
 * const data = await new Promise((resolve) => socket.onmessage = (event) => resolve(event.data));
 * assert.equal(data, "Hello");
 * const closed = new Promise((resolve) => socket.onclose = resolve);
 * socket.close();
 * await closed;
 * ```
 */
export const WebSocket: WebSocketConstructor = /* @__PURE__ */ defineWebSocket(connect);

/**
 * A connection as a pair of streams with backpressure both ways, as the proposal of the WHATWG has it.
 *
 * @example
 * ```ts
 * import { WebSocketStream } from "@sluice/websocket";
 * import { listen } from "@sluice/websocket/server";
 * import assert from "node:assert/strict";
 *
 * await using server = await listen({
 *   port: 0,
 *   websocket: { message: (connection, data) => void connection.send(data) },
 * });
 * const stream = new WebSocketStream(`ws://localhost:${server.address.port}/`);
 * const { readable, writable } = await stream.opened;
 * const writer = writable.getWriter(), reader = readable.getReader();
 * await writer.write("Hello");
 * assert.deepEqual(await reader.read(), { done: false, value: "Hello" });
 * stream.close({ closeCode: 4001, reason: "done" });
 * assert.equal((await stream.closed).closeCode, 4001);
 * ```
 */
export const WebSocketStream: WebSocketStreamConstructor = /* @__PURE__ */ defineWebSocketStream(
  connect,
);
