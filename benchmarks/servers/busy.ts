/**
 * A server on default options whose handler works on the first message of each connection for the time
 * that it is told, in milliseconds. When a connection is over it tells what came of it, in a line of
 * JSON.
 *
 * @module
 */
import process from "node:process";
import { listen } from "../../lib/server/mod.ts";
import { announce } from "./announce.ts";

/** What came of a connection. Times are in milliseconds from when its handler began to work. */
export interface BusyReport {
  /** The path of its URL: which peer it is. */
  peer: string;
  /** How many messages had come when the handler was done, and since when no more came. */
  received: number;
  fullAt: number;
  /** Whether the connection was still open then. */
  open: boolean;
  /** How many messages were handled in the end. */
  handled: number;
  /** How it ended. */
  code: number;
}

const time = Number(process.argv[2]);

const server = await listen<BusyReport>({
  hostname: "127.0.0.1",
  port: 0,
  handshake: ({ url }) => ({
    data: {
      peer: new URL(url).pathname.slice(1),
      received: 0,
      fullAt: 0,
      open: false,
      handled: 0,
      code: 0,
    },
  }),
  websocket: {
    async message(connection): Promise<void> {
      const { data } = connection;
      if (data.handled++ > 0) return;
      const begin = performance.now();
      for (let now = 0; now < time; now = performance.now() - begin) {
        const { messagesReceived } = connection.stats;
        if (messagesReceived > data.received) data.fullAt = now;
        data.received = messagesReceived;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      data.open = connection.readyState === 1;
    },
    close({ data }, { closeCode }): void {
      process.stdout.write(`${JSON.stringify({ ...data, code: closeCode })}\n`);
    },
  },
});
announce(server.address.port);
