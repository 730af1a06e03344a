/** A client's opening handshake over memory, with a server that says exactly what the test wants. */
import { ClientHandshake } from "../../lib/client/handshake.ts";
import type { OpenedHandshake } from "../../lib/client/opening.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { listen } from "../../lib/server/mod.ts";
import { Network } from "../../lib/testing/mod.ts";
import { bytesOf, Peer, SpyTransport, textOf } from "../connection/support.ts";
import { answerText, KEY } from "../support/opening.ts";

/** An answer that accepts. */
export const ANSWER: string = answerText();

export interface ClientOpeningRig {
  handshake: ClientHandshake;
  /** The server's end. */
  peer: Peer;
  /** The client's end. */
  transport: SpyTransport;
  /** What was agreed to, with the bytes behind the answer as text: they are valid in the call alone. */
  opened: (Omit<OpenedHandshake, "rest"> & { rest: string })[];
  failed: unknown[];
  /** The server's bytes, as text. */
  say(text: string): void;
}

/** A handshake whose request, of which only the key counts, has been sent. */
export function clientOpeningRig(protocols: string[] = []): ClientOpeningRig {
  const pair = memoryTransportPair();
  const transport = new SpyTransport(pair.client);
  const opened: ClientOpeningRig["opened"] = [], failed: unknown[] = [];
  const handshake = new ClientHandshake(transport, {
    request: bytesOf("GET / HTTP/1.1\r\n\r\n").slice() as Uint8Array<ArrayBuffer>,
    offer: { key: KEY, protocols },
    maxHeaderSize: 1024,
    maxHeaders: 20,
  }, {
    onOpen: (_transport, agreed): void =>
      void opened.push({ ...agreed, rest: textOf(agreed.rest) }),
    onFailed: (error): void => void failed.push(error),
  });
  const peer = new Peer(pair.server, false);
  return {
    handshake,
    peer,
    transport,
    opened,
    failed,
    say: (text): void => peer.write(bytesOf(text)),
  };
}

/** Servers in memory under two names, which redirect these paths and accept all others. */
export async function serveRedirects(
  map: Record<string, string>,
  status = 302,
): Promise<{ network: Network; paths: string[]; heads: Headers[] }> {
  const network = new Network(), paths: string[] = [], heads: Headers[] = [];
  for (
    const [hostname, port] of [["chat.example", 80], ["chat.example", 443], ["other.example", 80]]
  ) {
    await listen({
      network,
      hostname: String(hostname),
      port: Number(port),
      websocket: {},
      onRefused: () => {},
      handshake({ url, headers }) {
        const { pathname, search } = new URL(url), location = map[pathname + search];
        paths.push(pathname + search);
        heads.push(headers);
        if (location === undefined || hostname === "other.example") return undefined;
        return new Response(null, { status, headers: { location } });
      },
    });
  }
  return { network, paths, heads };
}
