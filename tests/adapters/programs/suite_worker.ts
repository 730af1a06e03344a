/**
 * The users' sides of the suite's cases as a Cloudflare Worker: `/open/3?id=x` opens a connection for
 * the case of that number, `/go/x` lets its user go on; what it tells is printed.
 *
 * @module
 */
import { fromWebSocket, type FromWebSocketOptions } from "../../../mod.ts";
import type { WebSocketLike } from "../../../lib/connection/web_socket.ts";
import { type Side, watched } from "../suite/case.ts";
import { connectionCases } from "../suite/cases.ts";

/** One end of a pair. */
interface WorkerSocket extends WebSocketLike {
  accept(): void;
}

declare const WebSocketPair: new () => { 0: WorkerSocket; 1: WorkerSocket };

/** Whose user may go on. A promise would belong to the request that made it. */
const gone = new Set<string>();

function sideOf(id: string): Side {
  return {
    tell: (key, value): void => console.log(`told ${JSON.stringify([id, key, value])}`),
    async go(): Promise<void> {
      while (!gone.has(id)) await new Promise((resolve) => setTimeout(resolve, 5));
    },
  };
}

export default {
  async fetch(
    request: Request,
    _env: unknown,
    context: { waitUntil(promise: Promise<unknown>): void },
  ): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const [, what, which] = pathname.split("/");
    if (what === "go") {
      gone.add(which);
      return new Response("gone");
    }
    const each = connectionCases[Number(which)], side = sideOf(searchParams.get("id") ?? "");
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    const connection = await fromWebSocket(server, {
      ...(each.options as FromWebSocketOptions),
      anyCloseCode: true,
      onError: (error): void => side.tell("error", (error as Error).message),
      websocket: watched(each, side),
    });
    // Once the client has left, workerd drops what a handler still waits for, unless told not to.
    context.waitUntil(connection.closed);
    return new Response(null, { status: 101, webSocket: client } as ResponseInit);
  },
};
