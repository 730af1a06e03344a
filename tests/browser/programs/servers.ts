/**
 * A page and an echo on one port, behind each of the servers that the runtime has. Prints their ports,
 * and what it knows of each connection once that is over.
 *
 * @module
 */
import { createServer } from "node:http";
import { createSecureServer, type Http2ServerRequest } from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { upgrade as upgradeBun, websocketWith } from "../../../lib/adapters/bun/mod.ts";
import type { BunServerLike, BunWebSocket } from "../../../lib/adapters/bun/mod.ts";
import { upgrade as upgradeDeno } from "../../../lib/adapters/deno.ts";
import { upgrade as upgradeNode } from "../../../lib/adapters/node/mod.ts";
import { listen } from "../../../lib/server/mod.ts";
import { type ConnectionHandlers, isWebSocketUpgrade } from "../../../mod.ts";
import { cert, key } from "../../certificates/mod.ts";
import { ownRuntime } from "../../support/runtimes.ts";
import { type Ended, kindsOf, type ServerKind } from "../servers.ts";

/** As much of Bun as this uses. */
interface BunLike {
  serve(options: {
    port: number;
    hostname: string;
    fetch(request: Request, server: BunServerLike): Response | Promise<Response | undefined>;
    websocket: BunWebSocket;
  }): { readonly port: number };
}

const websocket: ConnectionHandlers = {
  message(connection, data): void {
    if (data === "leave") connection.close({ closeCode: 1001, reason: "away" });
    else connection.send(data);
  },
  close({ url, protocol, extensions }, { received }): void {
    const id = new URL(url).searchParams.get("id") ?? "";
    const ended: Ended = { id, protocol, extensions, received };
    console.log(`ended ${JSON.stringify(ended)}`);
  },
};
const options = { protocols: ["echo"], websocket };
const compressing = { ...options, perMessageDeflate: { threshold: 0 } };
const bound = { port: 0, hostname: "127.0.0.1" };

const headers = { "content-type": "text/html; charset=utf-8" };
const body = "<!DOCTYPE html><title>Page</title>";
const page = (): Response => new Response(body, { headers });
const asksForPage = (request: Request): boolean => !isWebSocketUpgrade(request);

async function listenNode(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(bound.port, bound.hostname, resolve));
  return (server.address() as AddressInfo).port;
}

/** How each is started; gives its port. */
const start: Record<ServerKind, () => number | Promise<number>> = {
  async listen() {
    return (await listen({ ...bound, ...compressing, fetch: page })).address.port;
  },
  "Deno.serve"() {
    const server = Deno.serve(
      { ...bound, onListen() {} },
      (request, info) => asksForPage(request) ? page() : upgradeDeno(request, { ...options, info }),
    );
    return server.addr.port;
  },
  "Bun.serve"() {
    const { Bun } = globalThis as unknown as { Bun: BunLike };
    const server = Bun.serve({
      ...bound,
      fetch: (request, server) =>
        asksForPage(request) ? page() : upgradeBun(request, server, options),
      websocket: websocketWith({ perMessageDeflate: true }),
    });
    return server.port;
  },
  "node:http"() {
    const server = createServer((_request, response) => {
      response.writeHead(200, headers).end(body);
    });
    server.on("upgrade", (request, socket, head) => {
      void upgradeNode(request, socket, head, compressing);
    });
    return listenNode(server);
  },
  "node:http2"() {
    const settings = { enableConnectProtocol: true };
    const server = createSecureServer({ cert, key, allowHTTP1: true, settings });
    server.on("request", (_request, response) => {
      response.writeHead(200, headers);
      response.end(body);
    });
    // A browser that would rather have HTTP/1.1 could.
    server.on("upgrade", (request, socket, head) => {
      void upgradeNode(request, socket, head, compressing);
    });
    server.on("connect", ({ stream, headers }: Http2ServerRequest) => {
      void upgradeNode(stream, headers, compressing);
    });
    return listenNode(server);
  },
};

const ports: Record<string, number> = {};
for (const kind of kindsOf[ownRuntime]) ports[kind] = await start[kind]();
console.log(`ports ${JSON.stringify(ports)}`);
