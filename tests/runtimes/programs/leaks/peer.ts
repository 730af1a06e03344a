/**
 * A peer that says and hears only what its way of ending wants, in a process of its own, so that
 * nothing of it is counted with what is measured, and so that it can be killed.
 *
 * As a server it reads the way from the path of the request; as a client it is told by a line on
 * stdin. It prints where its servers listen, and `held` for each connection that waits to be killed.
 */
import { connect, createServer, type Socket } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { frame } from "../../../connection/support.ts";
import { answerText, keyOf, requestText } from "../../../support/opening.ts";

/** An order: so many connections to that place. */
export interface PeerOrder {
  way: PeerWay;
  count: number;
  port?: number;
  path?: string;
}

/** What the peer does once the connection is open and has been used; `mute` never opens it. */
export type PeerWay = "reset" | "end" | "hold" | "silent" | "deaf" | "violate" | "tear" | "mute";

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
    const start = `GET /${way} HTTP/1.1`;
    socket.write(way === "mute" ? `${start}\r\n` : requestText({}, start));
  }
  socket.on("data", (chunk: Uint8Array) => {
    if (open) return act(socket, way!, isClient);
    head += new TextDecoder("latin1").decode(chunk);
    if (!head.includes("\r\n\r\n")) return;
    way ??= /^GET \/(\w+)/.exec(head)?.[1] as PeerWay;
    if (way === "mute") return;
    open = true;
    if (!isClient) socket.write(answerText(keyOf(head)));
    // The answer to this shows that the connection has been used in both directions.
    socket.write(frame(0x81, "hello", { masked: isClient }));
  });
}

function act(socket: Socket, way: PeerWay, masked: boolean): void {
  socket.removeAllListeners("data");
  if (way !== "deaf") socket.resume();
  if (way === "reset") socket.resetAndDestroy();
  else if (way === "end") socket.end();
  else if (way === "deaf") socket.pause();
  else if (way === "violate") socket.write(frame(0x83, "", { masked }));
  else if (way === "hold") console.log("held");
  else if (way === "tear") socket.end(frame(0x01, "the first of two", { masked }));
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
