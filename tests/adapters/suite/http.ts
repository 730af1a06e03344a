/**
 * The opening handshake by hand, as a client that sends exactly what a test wants.
 *
 * @module
 */
import type { Transport } from "../../../lib/link/transport.ts";
import { bytesOf, join, textOf } from "../../connection/support.ts";
import { ACCEPT, requestText } from "../../support/opening.ts";
import { Wire, WirePeer } from "./wire.ts";

/** A request; a header that is undefined is left out. */
export interface Knock {
  method?: string;
  path?: string;
  headers?: Record<string, string | undefined>;
}

/** What was answered. */
export interface Answer {
  /** The status: 101 over HTTP/1.1, 200 over HTTP/2, where it was accepted. */
  status: number;
  headers: Headers;
  /** The body of a refusal. */
  body: string;
  /** The peer, once it was accepted. */
  peer?: WirePeer;
  /** The client's port, if it has one. */
  port: number;
}

/** Sends a request on a transport and reads the answer. */
export async function knockHttp1(
  transport: Transport,
  host: string,
  knock: Knock = {},
): Promise<Answer> {
  const wire = new Wire(transport);
  await sendHttp1(wire, host, knock);
  const answer = await readAnswer(wire, transport.localAddress?.port ?? 0);
  if (answer.status === 101) {
    if (answer.headers.get("sec-websocket-accept") !== ACCEPT) throw new Error("a wrong key");
    answer.peer = new WirePeer(wire, true);
  } else await wire.leave();
  return answer;
}

/** Sends a request. */
export async function sendHttp1(wire: Wire, host: string, knock: Knock = {}): Promise<void> {
  const start = `${knock.method ?? "GET"} ${knock.path ?? "/"} HTTP/1.1`;
  await wire.write(requestText({ host, ...knock.headers }, start));
}

async function readAnswer(wire: Wire, port: number): Promise<Answer> {
  const { start, headers } = await readHead(wire);
  const status = Number(start.split(" ")[1]);
  return { status, headers, body: status === 101 ? "" : await readBody(wire, headers), port };
}

/** The first line and the headers. */
export async function readHead(wire: Wire): Promise<{ start: string; headers: Headers }> {
  const [start, ...lines] = (await wire.takeUntil("\r\n\r\n")).trimEnd().split("\r\n");
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { start, headers };
}

async function readBody(wire: Wire, headers: Headers): Promise<string> {
  const length = headers.get("content-length");
  if (length !== null) return textOf(await wire.take(Number(length)));
  if (headers.get("transfer-encoding") === null) return textOf(await wire.takeAll());
  const pieces: Uint8Array[] = [bytesOf("")];
  for (;;) {
    const size = parseInt(await wire.takeUntil("\r\n"), 16);
    if (size === 0) return textOf(join(...pieces));
    pieces.push(await wire.take(size));
    await wire.take(2);
  }
}
