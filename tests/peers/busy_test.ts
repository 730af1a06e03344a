/**
 * A handler that works while a peer goes on sending: other implementations over real sockets. For a
 * minute, and on the options that they have by default, `deno task busy` does it.
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { listen } from "../../lib/server/mod.ts";
import { Child } from "../support/runtimes.ts";
import type { BusyOrder, BusyResult } from "./programs/busy.ts";
import { GUARD, python, runtimes, self } from "./support.ts";
import { shareOf } from "../support/tier.ts";

const program = (name: string): string =>
  fileURLToPath(new URL(`./programs/${name}`, import.meta.url));

const peers: readonly { name: string; command: string[] | undefined }[] = [
  {
    name: "Python's websockets",
    command: python === undefined ? undefined : [python, program("busy_websockets.py")],
  },
  {
    name: "ws",
    command: runtimes.has("node") ? [...runtimes.get("node")!, program("busy_ws.ts")] : undefined,
  },
  { name: "Sluice", command: [...runtimes.get(self)!, program("busy_sluice.ts")] },
];

/** What the server saw. */
interface Seen {
  /** The text of each message that was handled. */
  messages: string[];
  /** How many pings came while the first of them was being handled. */
  pings: number;
  /** How many messages had come when it was done. */
  received: number;
}

/** A server whose handler works on the first message until `enough` holds, and a peer that sends. */
async function meet(
  [path, ...args]: string[],
  options: { receiveHighWaterMark?: number; enough(seen: Seen): boolean },
): Promise<{ seen: Seen; result: BusyResult }> {
  const seen: Seen = { messages: [], pings: 0, received: 0 };
  const { receiveHighWaterMark, enough } = options;
  let busy = true;
  await using server = await listen({
    hostname: "127.0.0.1",
    port: 0,
    ...(receiveHighWaterMark === undefined ? {} : { receiveHighWaterMark }),
    websocket: {
      async message(connection, data): Promise<void> {
        seen.messages.push(String(data));
        if (seen.messages.length > 1) return;
        do {
          await new Promise((resolve) => setTimeout(resolve, 5));
          seen.received = connection.stats.messagesReceived;
        } while (connection.readyState === 1 && !enough(seen));
        busy = false;
      },
      ping: () => void (busy && seen.pings++),
    },
  });
  const order: BusyOrder = {
    url: `ws://127.0.0.1:${server.address.port}/`,
    time: 1_500,
    every: 10,
    pingEvery: 200,
  };
  await using child = new Child(path, [...args, JSON.stringify(order)]);
  const [line] = await child.printed(/\{.*"code".*\}/, { timeout: GUARD });
  return { seen, result: JSON.parse(line) as BusyResult };
}

const handled = ({ sent }: BusyResult): string[] =>
  Array.from({ length: sent }, (_, at) => String(at).padStart(20, "."));

for (const { name, command } of shareOf(peers)) {
  const skip = command === undefined;
  describe(`a busy handler and ${name}${skip ? " (not installed: skipped)" : ""}`, { skip }, () => {
    it("pings are answered while it works, and all that was sent is handled", async () => {
      const { seen, result } = await meet(command!, {
        enough: ({ pings, received }) => pings >= 3 && received >= 50,
      });
      assert.equal(result.code, 1000);
      assert.ok(result.pongs >= 3, `${result.pongs} pongs`);
      assert.deepEqual(seen.messages, handled(result));
    });

    it("past receiveHighWaterMark the peer waits, and loses nothing", async () => {
      const waiting = 40, size = 256 + 20;
      let since = 0;
      const { seen, result } = await meet(command!, {
        receiveHighWaterMark: waiting * size,
        enough: ({ received }) => {
          // The first is being handled, and one was past the mark; no more come, whatever is sent.
          assert.ok(received <= waiting + 2, `${received} came`);
          return received === waiting + 2 && ++since > 20;
        },
      });
      assert.equal(result.code, 1000);
      assert.deepEqual(seen.messages, handled(result));
    });
  });
}
