import {
  type BunServerLike,
  type BunWebSocket,
  upgrade,
  websocketWith,
} from "../../lib/adapters/bun/mod.ts";
import { ownRuntime } from "../support/runtimes.ts";
import { describeAdapter } from "./suite.ts";
import { servedAt, serverEndpoint } from "./suite/endpoint.ts";

/** What is used of `Bun`. */
interface BunLike {
  serve(options: {
    port: number;
    hostname: string;
    websocket: BunWebSocket;
    fetch(request: Request, server: BunServerLike): Promise<Response | undefined>;
  }): { port: number; stop(): Promise<void> };
}

const { Bun: bun } = globalThis as unknown as { Bun: BunLike };

describeAdapter(
  "Bun.serve",
  serverEndpoint((options) => {
    const { perMessageDeflate = false, pingInterval, ...own } = options;
    const server = bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      websocket: websocketWith({ perMessageDeflate: perMessageDeflate === true, pingInterval }),
      async fetch(request, server): Promise<Response | undefined> {
        return await upgrade(request, server, own);
      },
    });
    return Promise.resolve(servedAt(server.port, () => server.stop()));
  }),
  { skip: ownRuntime === "bun" ? undefined : "Bun.serve is Bun's" },
);
