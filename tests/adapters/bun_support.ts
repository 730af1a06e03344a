/** A server behind Bun.serve, and peers by hand. */
import {
  type BunServerLike,
  type BunUpgradeOptions,
  type BunWebSocket,
  upgrade,
  websocket,
} from "../../lib/adapters/bun/mod.ts";
import type { CloseInfo } from "../../lib/errors.ts";
import { connectTransport } from "../../lib/transport/runtime.ts";
import { ownRuntime } from "../support/runtimes.ts";
import { type Answer, type Knock, knockHttp1 } from "./suite/http.ts";
import type { WirePeer } from "./suite/wire.ts";

/** Only Bun has it: the other runtimes see the units only. */
export const needsBun: { skip?: string } = ownRuntime === "bun"
  ? {}
  : { skip: "Bun.serve is Bun's" };

type Handler = (
  request: Request,
  server: BunServerLike,
) => Response | undefined | Promise<Response | undefined>;

interface BunLike {
  serve(options: {
    port: number;
    hostname: string;
    fetch: Handler;
    websocket?: unknown;
    routes?: Record<string, Handler | Response>;
  }): { port: number; stop(force: boolean): Promise<void> };
}

/** How to serve. */
export interface ServeOptions {
  websocket?: Partial<BunWebSocket> | { message(): void };
  routes?: Record<string, Handler | Response>;
}

/** A server under test. */
export interface Served extends AsyncDisposable {
  port: number;
  /** Sends a request by hand. */
  knock(knock?: Knock): Promise<Answer>;
  /** A peer past the handshake. */
  peer(knock?: Knock): Promise<WirePeer>;
}

/** Serves with a handler. */
export function serve(fetch: Handler, options: ServeOptions = { websocket }): Served {
  const { Bun: bun } = globalThis as unknown as { Bun: BunLike };
  const server = bun.serve({ port: 0, hostname: "127.0.0.1", fetch, ...options });
  const knock = async (knock?: Knock): Promise<Answer> => {
    const transport = await connectTransport({ hostname: "127.0.0.1", port: server.port });
    return await knockHttp1(transport, `127.0.0.1:${server.port}`, knock);
  };
  return {
    port: server.port,
    knock,
    async peer(more?: Knock): Promise<WirePeer> {
      const { peer, status, body } = await knock(more);
      if (peer === undefined) throw new Error(`Refused: ${status} ${body}`);
      return peer;
    },
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

/** Serves one endpoint, and gives how each connection ended. */
export function serveEndpoint(
  options: BunUpgradeOptions,
  server?: ServeOptions,
): Served & { closed: Promise<CloseInfo> } {
  const closed = Promise.withResolvers<CloseInfo>();
  const { websocket: user } = options;
  const served = serve((request, server) =>
    upgrade(request, server, {
      onError(): void {},
      ...options,
      websocket: typeof user === "function" ? user : {
        ...user,
        close(connection, info): void {
          closed.resolve(info);
          void user.close?.(connection, info);
        },
      },
    }), server);
  return { ...served, closed: closed.promise };
}
