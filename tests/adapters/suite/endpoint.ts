/**
 * What the suite is run on: something that opens connections of ours, and, if it is a server, answers
 * handshakes.
 *
 * @module
 */
import type { ConnectionHandler } from "../../../mod.ts";
import type { Transport } from "../../../lib/link/transport.ts";
import type { UpgradeOptions } from "../../../lib/server/upgrade_options.ts";
import { connectTransport } from "../../../lib/transport/runtime.ts";
import { type Case, type Rig, type Side, Told, type ToldOpen, watched } from "./case.ts";
import { type Answer, type Knock, knockHttp1, sendHttp1 } from "./http.ts";
import { Wire } from "./wire.ts";

/** What a server is started with. */
export type ServeOptions<Data = undefined> = UpgradeOptions<Data> & {
  websocket: ConnectionHandler<Data>;
};

/** A server under way. */
export interface Served {
  /** Where clients find it: `http://127.0.0.1:1234`, say. */
  readonly origin: string;
  /** Makes a handshake by hand. */
  knock(knock?: Knock): Promise<Answer>;
  /** Sends a request and gives what makes its client go away. */
  abandon(): Promise<() => void>;
  /** Stops it; resolves once its connections are gone. */
  close(): Promise<void>;
}

/** Starts a server. */
export type Serve = <Data = undefined>(options: ServeOptions<Data>) => Promise<Served>;

/** What the suite is run on. */
export interface Endpoint {
  /** Opens the connection of a case. */
  open(each: Case): Promise<Rig>;
  /** Starts a server, where it is one. */
  serve?: Serve;
  /** Whether a client has an address. @default {true} */
  knowsAddress?: boolean;
  /** Whether its handshake is that of HTTP/2. @default {false} */
  http2?: boolean;
  /** Whether the platform compresses and tells the connection nothing of it. @default {false} */
  hidesCompression?: boolean;
}

/** A server as an endpoint: it opens a connection by a handshake of our own. */
export function serverEndpoint(
  serve: Serve,
  options: Pick<Endpoint, "knowsAddress" | "http2"> = {},
): Endpoint {
  return {
    ...options,
    serve,
    async open(each): Promise<Rig> {
      const line = new Line();
      const served = await serve({
        pingInterval: Infinity,
        ...(each.options as UpgradeOptions), // `messages` is of the user's kind
        onError: line.onError,
        websocket: watched(each, line.side),
      });
      try {
        const offer = each.compresses ? { "sec-websocket-extensions": "permessage-deflate" } : {};
        const answer = await served.knock({ headers: offer });
        const { peer, status, body } = answer;
        if (peer === undefined) throw new Refused(status, `${body} ${line.told.all("error")}`);
        return await line.rig({ peer, agreed: compresses(answer) }, () => served.close());
      } catch (error) {
        await served.close();
        throw error;
      }
    },
  };
}

/** The handshake was refused, for what may be good reason. */
export class Refused extends Error {
  readonly status: number;

  /** `why` is what the client and the server were told. */
  constructor(status: number, why: string) {
    super(`Not accepted, ${status}: ${why}`);
    this.status = status;
  }
}

/** Whether a handshake agreed on compression. */
export function compresses({ headers }: { headers: Headers }): boolean {
  return headers.get("sec-websocket-extensions")?.startsWith("permessage-deflate") ?? false;
}

/** The line between a user's side and its test, in one process. */
export class Line {
  readonly told: Told = new Told();
  readonly #gate = Promise.withResolvers<void>();

  /** The user's end. */
  readonly side: Side = {
    tell: (key, value): void => this.told.tell(key, value),
    go: () => this.#gate.promise,
  };

  /** The option `onError`. */
  readonly onError = (error: unknown): void => {
    this.told.tell("error", error instanceof Error ? error.message : String(error));
  };

  /** The test's end, once it is open. */
  async rig(far: Pick<Rig, "peer" | "agreed">, close: () => Promise<void>): Promise<Rig> {
    const opened = await this.told.next<ToldOpen>("open");
    const { told } = this, go = this.#gate.resolve;
    return { ...far, told, opened, go: (): void => go(), findings: {}, close };
  }
}

/** A server that is reached at a port of this machine. */
export function servedAt(
  port: number,
  close: () => Promise<void>,
  connect: () => Promise<Transport> = () => connectTransport({ hostname: "127.0.0.1", port }),
): Served {
  const host = `127.0.0.1:${port}`;
  return {
    origin: `http://${host}`,
    knock: async (knock) => await knockHttp1(await connect(), host, knock),
    async abandon(): Promise<() => void> {
      const transport = await connect();
      await sendHttp1(new Wire(transport), host);
      return (): void => transport.close();
    },
    close,
  };
}

/** What is used of a server of node:http, or of one like it. */
interface NodeServer {
  listen(port: number, hostname: string, listening: () => void): unknown;
  address(): { port: number } | string | null;
  close(closed: () => void): unknown;
}

/** Has it listen; gives the port. */
export async function listening(server: NodeServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
}

/** Has a server of node:http listen. */
export async function servedBy(server: NodeServer): Promise<Served> {
  const close = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  return servedAt(await listening(server), close);
}
