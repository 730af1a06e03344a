/** Servers of node:http and node:https with the adapter, and clients that say what the test wants. */
import { createServer, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import assert from "node:assert/strict";
import { upgrade } from "../../lib/adapters/node/mod.ts";
import type { NodeUpgradeOptions } from "../../lib/adapters/node/http.ts";
import { connect } from "../../lib/client/connect.ts";
import type { ConnectOptions } from "../../lib/client/options.ts";
import type { WebSocketConnection } from "../../lib/connection/connection.ts";
import { ca, cert, key } from "../certificates/mod.ts";
import { Peer, textOf } from "../connection/support.ts";
import { nodeNet } from "../transport/sockets.ts";
import { until } from "../support/until.ts";

/** Plain and with TLS. */
export const KINDS: readonly Kind[] = ["http", "https"];
export type Kind = "http" | "https";

/** What a test may change. */
export interface ServeOptions<Data> extends NodeUpgradeOptions<Data> {
  /** Called before the adapter. */
  before?: (socket: Socket) => void;
}

/** A server whose every upgrade goes to the adapter. */
export class Rig<Data = undefined> implements AsyncDisposable {
  readonly kind: Kind;
  readonly server: Server;
  /** What `onError` got. */
  readonly errors: unknown[] = [];
  /** What `onRefused` got. */
  readonly refusals: Error[] = [];
  /** What `upgrade` gave, in the order in which it came. */
  readonly given: (WebSocketConnection<Data> | undefined)[] = [];
  /** The sockets that were upgraded. */
  readonly sockets: Socket[] = [];
  readonly #sockets = new Set<Socket>();

  private constructor(kind: Kind, { before, ...options }: ServeOptions<Data>) {
    this.kind = kind;
    this.server = kind === "http" ? createServer() : createSecureServer({ cert, key });
    this.server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    this.server.on("request", (request, response) => response.end(`page ${request.url}`));
    this.server.on("upgrade", async (request, socket, head) => {
      this.sockets.push(socket as Socket);
      before?.(socket as Socket);
      const onError = (error: unknown): void => void this.errors.push(error);
      const onRefused = (error: Error): void => void this.refusals.push(error);
      const own = { pingInterval: Infinity, onError, onRefused };
      this.given.push(await upgrade<Data>(request, socket, head, { ...own, ...options }));
    });
  }

  /** Listens on loopback. */
  static async start<Data = undefined>(
    kind: Kind,
    options: ServeOptions<Data> = {},
  ): Promise<Rig<Data>> {
    const rig = new Rig<Data>(kind, options);
    await new Promise<void>((done) => rig.server.listen(0, "127.0.0.1", done));
    return rig;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** A client of ours. */
  connect(path = "/", options: ConnectOptions = {}): Promise<WebSocketConnection> {
    const scheme = this.kind === "http" ? "ws" : "wss";
    return connect(`${scheme}://localhost:${this.port}${path}`, {
      pingInterval: Infinity,
      ...(this.kind === "http" ? {} : { tls: { caCerts: [ca] } }),
      ...options,
    });
  }

  /** A socket that says nothing by itself, and can half-close with TLS as well. */
  async dial(): Promise<Peer> {
    const { port } = this;
    const tls = this.kind === "http" ? {} : { tls: { caCerts: [ca], serverName: "localhost" } };
    return new Peer(await nodeNet.connect({ hostname: "127.0.0.1", port, ...tls }), true);
  }

  /** The answer to these bytes, once the server has ended. */
  async answerTo(text: string): Promise<{ status: number; head: string; body: string }> {
    const peer = await this.dial();
    peer.write(Uint8Array.from(text, (character) => character.charCodeAt(0)));
    await until("the server's end", () => peer.ended || peer.closed);
    peer.transport.close();
    const answer = textOf(peer.bytes), end = answer.indexOf("\r\n\r\n");
    const head = answer.slice(0, end), body = answer.slice(end + 4);
    return { status: Number(answer.slice(9, 12)), head, body };
  }

  /** The next connection on the server's side. */
  async opened(index = 0): Promise<WebSocketConnection<Data>> {
    await until("the upgrade", () => this.given.length > index);
    const connection = this.given[index];
    assert.ok(connection);
    return connection;
  }

  /** Stops listening and drops what is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((done) => this.server.close(() => done()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
