/**
 * Twelve lamps that all who have the page open can switch, each with a WebSocket of its own. Over HTTP/2
 * these are streams of one connection (RFC 8441); who speaks HTTP/1.1 comes to the same port. It needs a
 * certificate that the browser trusts, or is told to bear with:
 *
 *     openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout key.pem -out cert.pem \
 *       -subj /CN=localhost -addext subjectAltName=DNS:localhost
 *     CERT=cert.pem KEY=key.pem deno run --allow-net --allow-env --allow-read examples/http2/main.ts
 *
 * Bun and Node run the same file.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { createSecureServer, type Http2ServerRequest } from "node:http2";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { upgrade } from "../../lib/adapters/node/mod.ts";
import type { WebSocketConnection } from "../../mod.ts";

const { PORT = "8443", CERT = "cert.pem", KEY = "key.pem" } = process.env;

/** A lamp, and who looks at it. */
interface Lamp {
  on: boolean;
  readonly watchers: Set<WebSocketConnection<Lamp>>;
}

const lamps = Array.from({ length: 12 }, (): Lamp => ({ on: false, watchers: new Set() }));

/** The same for both versions of HTTP. */
const options = {
  maxMessageSize: 16,
  handshake(request: Request): Response | { data: Lamp } {
    const lamp = lamps[Number(new URL(request.url).pathname.match(/^\/lamp\/(\d+)$/)?.[1])];
    return lamp === undefined ? new Response("No such lamp\n", { status: 404 }) : { data: lamp };
  },
  websocket: {
    open(connection: WebSocketConnection<Lamp>): void {
      connection.data.watchers.add(connection);
      connection.send(connection.data.on ? "on" : "off");
    },
    message({ data: lamp }: WebSocketConnection<Lamp>): void {
      lamp.on = !lamp.on;
      for (const watcher of lamp.watchers) watcher.send(lamp.on ? "on" : "off");
    },
    close(connection: WebSocketConnection<Lamp>): void {
      connection.data.watchers.delete(connection);
    },
  },
};

const page = await readFile(new URL("page.html", import.meta.url));
const server = createSecureServer({
  cert: await readFile(CERT),
  key: await readFile(KEY),
  allowHTTP1: true,
  settings: { enableConnectProtocol: true },
});
// Documents, by either version.
server.on("request", ({ url }, response) => {
  const [status, type, body] = url === "/"
    ? [200, "text/html; charset=utf-8", page]
    : [404, "text/plain; charset=utf-8", "There is nothing here\n"];
  response.writeHead(status as number, { "content-type": type as string });
  response.end(body);
});
// WebSockets over HTTP/1.1.
server.on("upgrade", (request, socket, head) => void upgrade(request, socket, head, options));
// WebSockets over HTTP/2. A server with "request" handles each CONNECT by itself without this.
server.on("connect", ({ stream, headers }: Http2ServerRequest) => {
  void upgrade(stream, headers, options);
});
server.listen(Number(PORT), () => {
  const { port } = server.address() as AddressInfo;
  console.log(`Lamps on https://localhost:${port}/`);
});
