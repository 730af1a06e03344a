/** The ends that two connections of our own bring each other to. */
import { reconnecting, type WebSocketConnection } from "../../../../mod.ts";
import { listen } from "../../../../lib/server/mod.ts";
import { ca, cert, key } from "../../../certificates/mod.ts";
import {
  check,
  common,
  ended,
  Ends,
  local,
  open,
  type Run,
  type Scenario,
  signal,
  times,
} from "./rig.ts";

const CLOSED = /^1000 clean (local|remote) -$/;
const BOTH_CLOSED = /^1000 clean local -$/;
const FAILED = /^1011 clean (remote -|local Error)$/;
const DROPPED = /^1006 unclean (local -|remote (CONNECTION_ENDED|CONNECTION_RESET))$/;

const block = new Uint8Array(8 * 1024);

function flood(connection: WebSocketConnection): void {
  for (let at = 0; at < 4; at++) connection.send(block);
}

/** What a client's word makes the server do; any other message comes back. */
const words = new Map<unknown, (connection: WebSocketConnection) => void>([
  ["close", (connection) => connection.close()],
  ["terminate", (connection) => connection.terminate()],
  ["flood", flood],
  ["throw", () => {
    throw new Error("a handler that fails");
  }],
]);

/** A client uses its connection, by an echo and a ping, and then ends it or has it ended. */
function way(
  name: string,
  wanted: RegExp,
  act: (connection: WebSocketConnection, at: number) => unknown,
  options: { count?: number; batch?: number; secure?: true } = {},
): Scenario {
  const { secure, ...sizes } = options;
  return {
    name,
    ...sizes,
    async start(): Promise<Run> {
      const ends = new Ends();
      const server = await listen({
        ...common,
        ...local,
        ...(secure && { tls: { cert, key } }),
        websocket: {
          open: (connection) => ends.add(connection),
          message(connection, data): void {
            const obey = words.get(data);
            if (obey === undefined) connection.send(data);
            else obey(connection);
          },
        },
      });
      const url = `${secure ? "wss" : "ws"}://127.0.0.1:${server.address.port}`;
      return {
        async batch(size): Promise<void> {
          await times(size, async (at) => {
            const connection = await open(url, secure && { tls: { caCerts: [ca] } });
            const pinged = connection.ping({ signal });
            connection.send(`message ${at}`);
            check(`${await connection.receive({ signal })}`, /^message/);
            await pinged;
            act(connection, at);
            await ended(connection, wanted);
          });
          await ends.ended(size, wanted);
        },
        end: () => server.shutdown(),
      };
    },
  };
}

/** The handlers of every second client fail, by a throw or a promise, and the server's for the rest. */
const failing: Scenario = {
  name: "a handler that fails: 1011",
  async start(): Promise<Run> {
    const ends = new Ends();
    const server = await listen({
      ...common,
      ...local,
      websocket: {
        open(connection): void {
          ends.add(connection);
          connection.send("hello");
        },
        message: words.get("throw")!,
      },
    });
    const url = `ws://127.0.0.1:${server.address.port}`;
    return {
      async batch(size): Promise<void> {
        await times(size, async (at) => {
          const connection = await open(url, {
            websocket: {
              message(connection): void | Promise<void> {
                if (at % 2 === 0) return void connection.send("fail");
                if (at % 4 === 1) throw new Error("a client's handler that fails");
                return Promise.reject(new Error("a client's promise that fails"));
              },
            },
          });
          await ended(connection, FAILED);
        });
        await ends.ended(size, FAILED);
      },
      end: () => server.shutdown(),
    };
  },
};

/** Each client loses its connection once, comes back, and closes. */
const reconnected: Scenario = {
  name: "reconnecting: lost, back, and closed",
  count: 1000,
  async start(): Promise<Run> {
    const ends = new Ends(), wanted = /^10(06 unclean|00 clean) /;
    const server = await listen({
      ...common,
      ...local,
      websocket: {
        open: (connection) => ends.add(connection),
        message(connection, data): void {
          const obey = words.get(data);
          if (obey === undefined) connection.send(data);
          else obey(connection);
        },
      },
    });
    const url = `ws://127.0.0.1:${server.address.port}`;
    return {
      async batch(size): Promise<void> {
        await times(size, async (at) => {
          const lost = Promise.withResolvers<void>();
          const chat = reconnecting(url, {
            clock: common.clock,
            retryDelay: 1,
            signal,
            onState: ({ name }) => void (name === "waiting" && lost.resolve()),
          });
          chat.send(`message ${at}`);
          check(`${await chat.receive()}`, /^message/);
          chat.send("terminate");
          await lost.promise;
          chat.send(`again ${at}`);
          check(`${await chat.receive()}`, /^again/);
          chat.close();
          await chat.closed;
        });
        await ends.ended(2 * size, wanted);
      },
      async end(): Promise<void> {
        await server.shutdown();
        // The last read was in this turn, and on Deno a timer stands for the next one.
        await new Promise((resolve) => setTimeout(resolve, 5));
      },
    };
  },
};

/** The ways. Each connection has both ends here, so what is "ours" at one is "the peer's" at the other. */
export const closes: readonly Scenario[] = [
  reconnected,
  way("our Close, the peer's Close", CLOSED, (connection, at) => {
    if (at % 2 === 0) connection.close();
    else connection.send("close");
  }),
  way("both Closes at once", BOTH_CLOSED, (connection) => {
    connection.send("close");
    connection.close();
  }),
  way("a Close with data in flight both ways", CLOSED, (connection, at) => {
    connection.send("flood");
    flood(connection);
    if (at % 2 === 0) connection.close();
    else connection.send("close");
  }),
  way("terminate by us, by the peer", DROPPED, (connection, at) => {
    if (at % 2 === 0) connection.terminate();
    else connection.send("terminate");
  }),
  failing,
  way(
    "Close, terminate and failure over TLS",
    /^(1000 clean|1006 unclean|1011 clean)/,
    (connection, at) => {
      const word = ["", "close", "terminate", "throw"][at % 4];
      if (word === "") connection.close();
      else connection.send(word);
    },
    { count: 60, batch: 20, secure: true },
  ),
];
