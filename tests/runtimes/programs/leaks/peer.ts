/**
 * A peer that says and hears only what its way of ending wants, in a process of its own, so that
 * nothing of it is counted with what is measured, and so that it can be killed.
 *
 * As a server it reads the way from the path of the request; as a client it is told by a line on
 * stdin. It prints where its servers listen, and `held` for each connection that waits to be killed.
 */
import { createHash } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";

/** An order: so many connections to that place. */
export interface PeerOrder {
  way: PeerWay;
  count: number;
  port?: number;
  path?: string;
}

/** What the peer does once the connection is open and has been used; `mute` never opens it. */
export type PeerWay = "reset" | "end" | "hold" | "silent" | "deaf" | "violate" | "tear" | "mute";

const REQUEST = "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

function acceptFor(request: string): string {
  const key = /sec-websocket-key: *(\S+)/i.exec(request)?.[1] ?? "";
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    `Sec-WebSocket-Accept: ${accept.digest("base64")}\r\n\r\n`;
}

/** A frame; a client's mask is four zeros. */
function frame(first: number, text: string, masked: boolean): Uint8Array {
  const payload = new TextEncoder().encode(text);
  return Uint8Array.of(
    first,
    payload.length | (masked ? 0x80 : 0),
    ...(masked ? [0, 0, 0, 0] : []),
    ...payload,
  );
}

/** Follows a connection from its first byte to its last. */
function play(socket: Socket, asked: PeerWay | undefined): void {
  const isClient = asked !== undefined;
  let way = asked;
  let head = "";
  let open = false;
  socket.setNoDelay(true);
  socket.on("error", () => {});
  socket.on("end", () => socket.end());
  if (isClient) {
    const path = `GET /${way} HTTP/1.1\r\n`;
    socket.write(way === "mute" ? path : path + REQUEST);
  }
  socket.on("data", (chunk: Uint8Array) => {
    if (open) return act(socket, way!, isClient);
    head += new TextDecoder("latin1").decode(chunk);
    if (!head.includes("\r\n\r\n")) return;
    way ??= /^GET \/(\w+)/.exec(head)?.[1] as PeerWay;
    if (way === "mute") return;
    open = true;
    if (!isClient) socket.write(acceptFor(head));
    // The answer to this shows that the connection has been used in both directions.
    socket.write(frame(0x81, "hello", isClient));
  });
}

function act(socket: Socket, way: PeerWay, masked: boolean): void {
  socket.removeAllListeners("data");
  if (way !== "deaf") socket.resume();
  if (way === "reset") socket.resetAndDestroy();
  else if (way === "end") socket.end();
  else if (way === "deaf") socket.pause();
  else if (way === "violate") socket.write(frame(0x83, "", masked));
  else if (way === "hold") console.log("held");
  else if (way === "tear") socket.end(frame(0x01, "the first of two", masked));
}

function listen(place: { port: number; host: string } | { path: string }): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer({ allowHalfOpen: true }, (socket) => play(socket, undefined));
    server.listen(place, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}

if (process.argv[2] !== undefined) {
  createInterface({ input: process.stdin }).on("line", (line) => {
    const { way, count, port = 0, path } = JSON.parse(line) as PeerOrder;
    for (let at = 0; at < count; at++) {
      const place = path === undefined ? { port, host: "127.0.0.1" } : { path };
      play(connect({ ...place, allowHalfOpen: true }), way);
    }
  }).on("close", () => process.exit());
  await listen({ path: process.argv[2] });
  console.log(`port ${await listen({ port: 0, host: "127.0.0.1" })}`);
}
