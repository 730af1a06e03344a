/**
 * permessage-deflate with other implementations over real sockets, as servers and as clients, each
 * of the four parameters of RFC 7692 section 7.1 forced by either end in turn.
 */
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { connect, type WebSocketConnection } from "../../mod.ts";
import { listen } from "../../lib/server/mod.ts";
import { exchangeCompressed } from "./compression_exchange.ts";
import { queryOf, type Terms } from "./programs/terms.ts";
import { GUARD, Peer, type PeerEvent, type PeerKind, python, runtimes } from "./support.ts";
import { shareOf } from "../support/tier.ts";

const timeout = GUARD * 2;
let ids = 0;

/** One kind of peer, and what it can be asked for. */
interface CompressingPeer {
  name: string;
  command: string[] | undefined;
  /** Whether it can be told terms of its own for a connection. */
  hasTerms: boolean;
  fragments: boolean;
  /** Whether its client compresses what is short. */
  compressesShort: boolean;
  /** The smallest window that it can deflate with, or be told to. */
  smallestWindow: number;
}

/** What the programs tell besides. */
interface CompressionEvent extends PeerEvent {
  extensions?: string;
  /** Servers with terms of their own. */
  ports?: Record<string, number>;
}

const program = (file: string): string =>
  fileURLToPath(new URL(`./programs/${file}`, import.meta.url));
const node = runtimes.get("node"), bun = runtimes.get("bun");

const peers: readonly CompressingPeer[] = [
  {
    name: "ws",
    command: node && [...node, program("compression_ws.ts")],
    hasTerms: true,
    fragments: true,
    compressesShort: true,
    smallestWindow: 8,
  },
  {
    name: "Bun",
    command: bun && [...bun, program("compression_bun.ts")],
    hasTerms: false,
    fragments: false,
    compressesShort: false,
    smallestWindow: 8,
  },
  {
    name: "Python's websockets",
    command: python === undefined ? undefined : [python, program("compression_websockets.py")],
    hasTerms: true,
    fragments: true,
    compressesShort: true,
    smallestWindow: 9, // the Python module zlib refuses 8
  },
];

/** The terms, each parameter in turn, none and all. */
function termsFor({ smallestWindow: least }: CompressingPeer): Terms[] {
  return [
    {},
    { serverNoContextTakeover: true },
    { clientNoContextTakeover: true },
    { serverMaxWindowBits: least },
    { clientMaxWindowBits: least },
    { serverMaxWindowBits: 12, clientMaxWindowBits: 10 },
    {
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 9,
      clientMaxWindowBits: 11,
    },
  ];
}

/** The extension as `connection.extensions` has it. */
function headerOf(terms: Terms): string {
  const params = ["permessage-deflate"];
  if (terms.serverNoContextTakeover) params.push("server_no_context_takeover");
  if (terms.clientNoContextTakeover) params.push("client_no_context_takeover");
  const { serverMaxWindowBits: server, clientMaxWindowBits: client } = terms;
  if (server !== undefined) params.push(`server_max_window_bits=${server}`);
  if (client !== undefined) params.push(`client_max_window_bits=${client}`);
  return params.join("; ");
}

function nameOf(terms: Terms): string {
  return headerOf(terms).replace("permessage-deflate; ", "");
}

/** The parameters in one order: peers write them in theirs. */
function sorted(header: string): string[] {
  return header.replaceAll(" ", "").split(";").sort();
}

/** Exchanges all there is, closes, and looks at what both ends say was agreed on. */
async function exchange(
  connection: WebSocketConnection,
  role: "server" | "client",
  told: { peer: Peer; id: string; kind: CompressingPeer; terms: Terms },
): Promise<void> {
  const { peer, id, kind, terms } = told;
  assert.equal(connection.extensions, headerOf(terms));
  const opened: CompressionEvent = await peer.event(id, "open", "failed");
  if (opened.extensions !== undefined) {
    assert.deepEqual(sorted(opened.extensions), sorted(connection.extensions));
  }
  await exchangeCompressed(connection, role, {
    fragments: kind.fragments,
    compressesShort: role === "client" || kind.compressesShort,
    large: Object.keys(terms).length === 0,
  });
  connection.close();
  const { closeCode, wasClean, error } = await connection.closed;
  assert.deepEqual([closeCode, wasClean, error], [1000, true, undefined]);
  assert.equal((await peer.event(id, "closed", "failed")).code, 1000);
}

for (const kind of shareOf(peers)) {
  const skip = kind.command === undefined;
  describe(
    `compression with ${kind.name}${skip ? " (not installed: skipped)" : ""}`,
    { skip },
    () => {
      let peer: Peer, ports: Record<string, number>;
      before(async () => {
        const can = { pings: false, tellsStatus: false, serves: true, connects: true };
        const starting: PeerKind = { ...can, ...kind };
        peer = await Peer.start(starting);
        const ready: CompressionEvent = await peer.event(undefined, "ready");
        ports = ready.ports ?? { own: peer.plain };
      });
      after(() => peer?.[Symbol.asyncDispose]());

      /** We connect to it, offering these terms, where it is told to insist on those. */
      async function asClient(port: number, offered: Terms, theirs: Terms, agreed: Terms) {
        const id = `server-${ids++}`;
        const connection = await connect(`ws://127.0.0.1:${port}/?id=${id}&${queryOf(theirs)}`, {
          perMessageDeflate: { ...offered, threshold: 0 },
        });
        await exchange(connection, "client", { peer, id, kind, terms: agreed });
      }

      /** It connects to us, and is told to offer those terms; ours are these. */
      async function asServer(ours: Terms, theirs: Terms, agreed: Terms): Promise<void> {
        const id = `client-${ids++}`;
        const arrived = Promise.withResolvers<WebSocketConnection>();
        await using server = await listen({
          hostname: "127.0.0.1",
          port: 0,
          origins: "*",
          perMessageDeflate: { ...ours, threshold: 0 },
          websocket: (connection) => arrived.resolve(connection),
        });
        const url = `ws://127.0.0.1:${server.address.port}/?id=${id}&${queryOf(theirs)}`;
        peer.connect({ id, url, protocols: [] });
        const { event } = await peer.event(id, "open", "failed");
        assert.equal(event, "open");
        await exchange(await arrived.promise, "server", { peer, id, kind, terms: agreed });
      }

      for (const terms of termsFor(kind)) {
        const name = nameOf(terms);
        // Bun's server declines an offer that asks for a window and for no takeover at once.
        const asked = kind.name === "Bun" && terms.serverNoContextTakeover
          ? { ...terms, serverMaxWindowBits: undefined, clientMaxWindowBits: undefined }
          : terms;
        it(`as the server, asked by us for: ${nameOf(asked)}`, { timeout }, async () => {
          await asClient(ports.own ?? ports.dedicated, asked, {}, asked);
        });
        it(`as the client, told by us: ${name}`, { timeout }, async () => {
          await asServer(terms, {}, terms);
        });
        if (!kind.hasTerms || Object.keys(terms).length === 0) continue;
        it(`as the server, which insists on: ${name}`, { timeout }, async () => {
          await asClient(ports.own, {}, terms, terms);
        });
        it(`as the client, which asks for: ${name}`, { timeout }, async () => {
          await asServer({}, terms, terms);
        });
      }

      if (kind.name !== "Bun") return;
      const none = { serverNoContextTakeover: true, clientNoContextTakeover: true };
      const small = { serverMaxWindowBits: 9, clientMaxWindowBits: 11 };
      for (const [port, terms] of Object.entries({ default: none, shared: none, small })) {
        it(`as the server, which insists on: ${nameOf(terms)} (${port})`, { timeout }, async () => {
          await asClient(ports[port], {}, {}, terms);
        });
      }
    },
  );
}
