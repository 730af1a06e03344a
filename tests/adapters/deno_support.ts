/** `Deno.serve` with the adapter, and a client that writes what the test wants. */
import type { DenoUpgradeOptions } from "../../lib/adapters/deno.ts";
import { upgrade } from "../../lib/adapters/deno.ts";
import type { WebSocketConnection } from "../../lib/connection/connection.ts";
import { type LineChanges, requestText } from "../support/opening.ts";
import { RawClient } from "../support/raw_client.ts";
import { ownRuntime } from "../support/runtimes.ts";

/** What `describe` takes where there is no Deno.serve. */
export const onDeno: { skip?: string } = ownRuntime === "deno"
  ? {}
  : { skip: `Deno.serve is not there on ${ownRuntime}` };

export interface Rig<Data> extends AsyncDisposable {
  port: number;
  url: string;
  /** The connections, in the order in which they opened. */
  opened(): Promise<WebSocketConnection<Data>>;
  /** What `onError` got. */
  errors: unknown[];
  /** What `onRefused` got. */
  refusals: Error[];
  /** The requests as the handler got them. */
  requests: Request[];
}

/** Every request is given to the adapter. Without `websocket` connections are left to the test. */
export function serve<Data = undefined>(
  options: Partial<DenoUpgradeOptions<Data>> = {},
  tls: { cert?: string; key?: string } = {},
): Rig<Data> {
  const waiting: WebSocketConnection<Data>[] = [], errors: unknown[] = [];
  const refusals: Error[] = [];
  const requests: Request[] = [];
  let tell = Promise.withResolvers<void>();
  const websocket = (connection: WebSocketConnection<Data>): void => {
    waiting.push(connection);
    tell.resolve();
  };
  const controller = new AbortController();
  const onListen = (): void => {};
  const secure = tls.cert === undefined ? {} : { cert: tls.cert, key: tls.key! };
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen, ...secure },
    (request, info) => {
      requests.push(request);
      const onError = (error: unknown): void => void errors.push(error);
      const onRefused = (error: Error): void => void refusals.push(error);
      return upgrade<Data>(request, { info, websocket, onError, onRefused, ...options });
    },
  );
  const { port } = server.addr;
  return {
    port,
    url: `${tls.cert === undefined ? "ws" : "wss"}://127.0.0.1:${port}/path?a=1`,
    errors,
    refusals,
    requests,
    async opened(): Promise<WebSocketConnection<Data>> {
      if (waiting.length === 0) await tell.promise;
      tell = Promise.withResolvers();
      return waiting.shift()!;
    },
    // Its shutdown() waits for ever where a client left before its upgrade was answered.
    [Symbol.asyncDispose](): Promise<void> {
      controller.abort();
      return Promise.resolve();
    },
  };
}

/** A client that asks for a WebSocket, and does nothing more. */
export function ask(port: number, lines?: LineChanges, start?: string): RawClient {
  const client = new RawClient({ port });
  client.send(requestText({ Host: `127.0.0.1:${port}`, ...lines }, start));
  return client;
}
