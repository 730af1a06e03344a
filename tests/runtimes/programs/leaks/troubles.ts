/** Connections that end in the middle of a message, before they are open, or with their server. */
import { connect } from "../../../../mod.ts";
import { listen } from "../../../../lib/server/mod.ts";
import { track } from "./figures.ts";
import {
  check,
  common,
  type Ended,
  ended,
  Ends,
  failure,
  local,
  open,
  type Peer,
  type Run,
  type Scenario,
  signal,
  times,
} from "./rig.ts";

const piece = new Uint8Array(70_000);

/** A source that gives a little, and then fails or is silent for ever. */
async function* source(end: "fails" | "stays silent"): AsyncGenerator<Uint8Array> {
  yield piece;
  if (end === "fails") throw new RangeError("a source that fails");
  await new Promise(() => {});
}

/** Reads to the end; after the first piece, does something. */
async function read(stream: ReadableStream<unknown>, then: () => void): Promise<void> {
  let first = true;
  for await (const _ of stream) {
    if (first) then();
    first = false;
  }
}

/** Messages of which either side has sent a part when they are cut off, by either side. */
const torn: Scenario = {
  name: "a streamed message cut off in the middle, either way",
  async start(): Promise<Run> {
    const ends = new Ends();
    const server = await listen({
      ...common,
      ...local,
      messages: "stream",
      async websocket(connection): Promise<void> {
        ends.add(connection);
        for await (const message of connection) {
          if (message.type === "binary") {
            await read(message.stream(), () => void connection.send("begun"));
          } else {
            const end = await message.text() === "fail" ? "fails" : "stays silent";
            await failure(connection.send(source(end)));
          }
        }
      },
    });
    const url = `ws://127.0.0.1:${server.address.port}`;
    return {
      async batch(size): Promise<void> {
        await times(size, async (at) => {
          const connection = await connect(url, { ...common, messages: "stream", signal });
          track(connection);
          if (at % 4 < 2) {
            const controller = new AbortController();
            const until = at % 4 === 0 ? signal : controller.signal;
            const sent = failure(connection.send(source("stays silent"), { signal: until }));
            await connection.receive({ signal });
            if (at % 4 === 0) connection.terminate();
            else controller.abort();
            check(await sent, /^(CONNECTION_CLOSED|AbortError)$/);
          } else {
            connection.send(at % 4 === 2 ? "fail" : "send");
            const message = await connection.receive({ signal });
            const stop = (): void => at % 4 === 3 ? connection.terminate() : undefined;
            check(await failure(read(message.stream(), stop)), /^CONNECTION_CLOSED$/);
          }
          await ended(connection, /^(1006 unclean local -|1011 clean (local|remote) )/);
        });
        await ends.ended(size, /^(1006 unclean remote CONNECTION_|1011 clean (local|remote) )/);
      },
      end: () => server.shutdown(),
    };
  },
};

/** Clients that give up at once, in a later turn, or when the server has their request. */
const aborted: Scenario = {
  name: "connecting given up by a signal",
  async start(): Promise<Run> {
    const controllers = new Map<string, AbortController>();
    const server = await listen({
      ...common,
      ...local,
      handshake(request): Promise<undefined> {
        controllers.get(new URL(request.url).pathname)?.abort();
        return new Promise(() => {});
      },
      websocket: {},
    });
    const url = `ws://127.0.0.1:${server.address.port}`;
    return {
      async batch(size): Promise<void> {
        await times(size, async (at) => {
          const controller = new AbortController();
          const failed = failure(
            connect(`${url}/${at}`, { ...common, signal: controller.signal }),
          );
          if (at % 3 === 0) controller.abort();
          else if (at % 3 === 1) setTimeout(() => controller.abort(), 0);
          else controllers.set(`/${at}`, controller);
          check(await failed, /^AbortError$/);
        });
        controllers.clear();
      },
      end: () => server.shutdown(),
    };
  },
};

/** Clients that find nobody, or are refused by the hook, or by its failure. */
const refused: Scenario = {
  name: "connecting refused",
  async start(): Promise<Run> {
    const gone = await listen({ ...common, ...local, websocket: {} });
    const nowhere = `ws://127.0.0.1:${gone.address.port}`;
    await gone.shutdown();
    const server = await listen({
      ...common,
      ...local,
      handshake(request): Response {
        if (request.url.endsWith("/fail")) throw new Error("a hook that fails");
        return new Response("no", { status: 403 });
      },
      websocket: {},
    });
    const url = `ws://127.0.0.1:${server.address.port}`;
    return {
      async batch(size): Promise<void> {
        await times(size, async (at) => {
          const target = [nowhere, url, `${url}/fail`][at % 3];
          const told = await failure(connect(target, { ...common, signal }));
          check(told, at % 3 === 0 ? /^CONNECTION_REFUSED$/ : /^STATUS$/);
        });
      },
      end: () => server.shutdown(),
    };
  },
};

/** Two servers' ends: one for clients of ours, which answer, one for the peer's, which do not. */
function shutdown(peer: Peer): Scenario {
  return {
    name: "server.shutdown, answered and not",
    start(): Promise<Run> {
      return Promise.resolve({
        async batch(size): Promise<void> {
          const ends = new Ends();
          const websocket = { open: (connection: Ended): void => ends.add(connection) };
          await using answered = await listen({ ...common, ...local, websocket });
          await using unanswered = await listen({ ...common, ...local, websocket });
          const half = size >> 1;
          peer.order({ way: "silent", count: size - half, port: unanswered.address.port });
          const over = times(half, async () => {
            const connection = await open(`ws://127.0.0.1:${answered.address.port}`);
            connection.send("hello");
            await ended(connection, /^1001 clean remote -$/);
          });
          await ends.opened(size);
          await Promise.all([answered.shutdown(), unanswered.shutdown({ timeout: 30 }), over]);
          await ends.ended(size, /^(1001 clean|1006 unclean) local -$/);
        },
        end: () => Promise.resolve(),
      });
    },
  };
}

/** The ways. */
export function troubles(peer: Peer): Scenario[] {
  return [torn, aborted, refused, shutdown(peer)];
}
