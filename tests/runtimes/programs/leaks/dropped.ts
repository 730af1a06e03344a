/** Connections whose peer misbehaves: one in a process of its own, on either side. */
import { connect, type ConnectionOptions, type WebSocketConnection } from "../../../../mod.ts";
import { listen } from "../../../../lib/server/mod.ts";
import type { PeerWay } from "./peer.ts";
import {
  causeOf,
  check,
  common,
  ended,
  Ends,
  failure,
  local,
  open,
  Peer,
  type Run,
  type Scenario,
  times,
} from "./rig.ts";

/**
 * More than the system takes from one who writes to a peer that does not read; a socket of Bun's
 * node:net that was paused reads on for a while.
 */
const much = new Uint8Array("Bun" in globalThis ? 2 ** 21 : 2 ** 20);

/** How our end deals with the peer. */
interface Dealing {
  /** What is told of the end. */
  wanted: RegExp;
  options?: Pick<
    ConnectionOptions,
    "pingInterval" | "pingTimeout" | "closeTimeout" | "sendTimeout"
  >;
  /** What is done once the connection has been used. */
  act?: (connection: WebSocketConnection) => void;
  /** Where to listen, for what needs a Unix socket. */
  path?: string;
  /** How many at once, and in all. */
  batch?: number;
  count?: number;
}

/** Half of the connections are the server's, half are clients'. */
function way(name: string, peer: Peer, what: PeerWay, dealing: Dealing): Scenario {
  const { wanted, options = {}, act, path, batch, count } = dealing;
  const message = (connection: WebSocketConnection): void => {
    connection.send("hello to you");
    act?.(connection);
  };
  return {
    name,
    ...(batch && { batch }),
    ...(count && { count }),
    async start(): Promise<Run> {
      const ends = new Ends();
      const server = await listen({
        ...common,
        ...(path === undefined ? local : { path }),
        ...options,
        websocket: { open: (connection) => ends.add(connection), message },
      });
      const { port } = server.address;
      return {
        async batch(size): Promise<void> {
          const mine = size >> 1;
          peer.order({
            way: what,
            count: size - mine,
            ...(path === undefined ? { port } : { path }),
          });
          await times(mine, async () => {
            const connection = await open(peer.url(what), {
              ...options,
              ...(path !== undefined && { path: peer.path }),
              websocket: { message },
            });
            await ended(connection, wanted);
          });
          await ends.ended(size - mine, wanted);
        },
        end: () => server.shutdown(),
      };
    },
  };
}

/** A peer that is killed with all of its connections. */
function killed(folder: string): Scenario {
  let peers = 0;
  return {
    name: "the peer's process killed",
    batch: 500,
    async start(): Promise<Run> {
      const ends = new Ends();
      const websocket = { message: (c: WebSocketConnection): void => void c.send("hello") };
      const server = await listen({
        ...common,
        ...local,
        websocket: { ...websocket, open: (connection) => ends.add(connection) },
      });
      return {
        async batch(size): Promise<void> {
          const mine = size >> 1;
          const peer = await Peer.start(`${folder}/peer${++peers}`);
          peer.order({ way: "hold", count: size - mine, port: server.address.port });
          const over = times(mine, async () => {
            await ended(await open(peer.url("hold"), { websocket }), LOST);
          });
          await peer.held(size);
          await peer.kill();
          await over;
          await ends.ended(size - mine, LOST);
        },
        end: () => server.shutdown(),
      };
    },
  };
}

const LOST = /^1006 unclean remote (CONNECTION_ENDED|CONNECTION_RESET)$/;

/** Handshakes that come to nothing: no request, no answer, no decision of the hook. */
function late(peer: Peer): Scenario {
  return {
    name: "handshakeTimeout",
    async start(): Promise<Run> {
      let failed = 0;
      let wake = (): void => {};
      const count = (error: unknown): void => {
        check(causeOf(error), /^(HANDSHAKE_TIMEOUT|handshakeTimeout)$/);
        failed++;
        wake();
      };
      const server = await listen({
        ...common,
        ...local,
        handshakeTimeout: 50,
        handshake: () => new Promise<undefined>(() => {}),
        // A hook that takes too long is the server's fault, a request that does not come is not.
        onError: count,
        onRefused: count,
        websocket: {},
      });
      const { port } = server.address;
      return {
        async batch(size): Promise<void> {
          const third = Math.floor(size / 3);
          failed = 0;
          peer.order({ way: "mute", count: third, port });
          await times(third, async () => {
            const told = await failure(
              connect(peer.url("mute"), { ...common, handshakeTimeout: 50 }),
            );
            check(told, /^HANDSHAKE_TIMEOUT$/);
          });
          await times(size - 2 * third, async () => {
            const told = await failure(connect(`ws://127.0.0.1:${port}`, common));
            check(told, /^STATUS$/);
          });
          while (failed < size - third) await new Promise<void>((resolve) => wake = resolve);
        },
        end: () => server.shutdown(),
      };
    },
  };
}

/** The ways. */
export function dropped(peer: Peer, folder: string): Scenario[] {
  return [
    way("the peer's reset", peer, "reset", { wanted: /^1006 unclean remote CONNECTION_RESET$/ }),
    killed(folder),
    way("half-closed by the peer, without a Close", peer, "end", {
      wanted: /^1006 unclean remote CONNECTION_ENDED$/,
    }),
    way("half-closed by the peer, within a message", peer, "tear", {
      wanted: /^1006 unclean remote CONNECTION_ENDED$/,
    }),
    way("a violation by the peer: 1002", peer, "violate", {
      wanted: /^1006 unclean local RESERVED_OPCODE$/,
    }),
    late(peer),
    way("pingTimeout", peer, "silent", {
      wanted: /^1006 unclean local pingTimeout$/,
      options: { pingInterval: 20, pingTimeout: 30, closeTimeout: 50 },
    }),
    way("closeTimeout", peer, "silent", {
      wanted: /^1006 unclean local closeTimeout$/,
      options: { closeTimeout: 50 },
      act: (connection) => connection.close(),
    }),
    way("sendTimeout", peer, "deaf", {
      wanted: /^1006 unclean local sendTimeout$/,
      options: { sendTimeout: 50 },
      act: (connection) => void connection.send(much),
      path: `${folder}/server`,
      batch: 40, // it takes memory
    }),
    way("terminate with much waiting to leave", peer, "deaf", {
      wanted: /^1006 unclean local -$/,
      act(connection): void {
        connection.send(much);
        setTimeout(() => connection.terminate(), 0);
      },
      path: `${folder}/server`,
      batch: 40,
      count: 400,
    }),
  ];
}
