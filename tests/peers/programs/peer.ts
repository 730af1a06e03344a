/**
 * What every peer program does: it echoes, and obeys a few commands that come as text messages, so
 * that one exchange suits every peer, as a server and as a client. It reads orders as lines of JSON
 * on stdin, tells what happens as lines of JSON on stdout, and ends with stdin.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";

/** What is used of a peer's WebSocket. */
export interface PeerSocket {
  /** Sends a message. */
  send(data: string | ArrayBuffer | Uint8Array<ArrayBuffer>): void;
  /** Closes. */
  close(code?: number, reason?: string): void;
  /** Sends a ping, where the peer can; the pong's payload is to be sent as text. */
  ping?: ((payload: string) => void) | undefined;
  /** Sends one message in these fragments, where the peer can. */
  sendFragments?: (fragments: string[]) => void;
}

/** The command line's order to connect. */
export interface ConnectOrder {
  id: string;
  url: string;
  protocols: string[];
}

/** The test certificate and its key. */
export const tls: { cert: string; key: string } = {
  cert: readFileSync(new URL("../../certificates/leaf.pem", import.meta.url), "utf8"),
  key: readFileSync(new URL("../../certificates/leaf.key", import.meta.url), "utf8"),
};

/** Tells the test something. */
export function tell(event: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

/** Calls back for each order. */
export function obey(connect: (order: ConnectOrder) => void): void {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => connect(JSON.parse(line) as ConnectOrder));
  lines.on("close", () => process.exit(0));
}

/** Answers a message: what begins with `!` is a command, all else is echoed. */
export function answer(
  socket: PeerSocket,
  data: string | ArrayBuffer | Uint8Array<ArrayBuffer>,
): void {
  if (typeof data !== "string" || !data.startsWith("!")) return socket.send(data);
  const [command, first = "", ...rest] = data.split(" ");
  if (command === "!ping") socket.ping?.(first);
  else if (command === "!fragments") socket.sendFragments?.([first, ...rest]);
  else if (command === "!flood") socket.send(new Uint8Array(Number(first)));
  else if (first === "") socket.close();
  else socket.close(Number(first), rest.join(" "));
}

/** The id, and the status to refuse with, that the target of a request asks for. */
export function readTarget(target: string): { id: string; refuse: number } {
  const url = new URL(target, "ws://127.0.0.1");
  const { searchParams } = url;
  return { id: searchParams.get("id") ?? "", refuse: Number(searchParams.get("refuse") ?? 0) };
}
