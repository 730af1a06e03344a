/**
 * The keepalive's pings and peers that forget at a ping in the middle of a compressed message that it is
 * compressed: the ping waits for the end of a message that is sent in fragments.
 */
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { connect } from "../../mod.ts";
import { findPrograms } from "../support/programs.ts";
import { Child } from "../support/runtimes.ts";
import { shareOf } from "../support/tier.ts";

const PEERS = ["tornado", "aiohttp", "wsproto"];
const file = fileURLToPath(new URL("./programs/deflate_server.py", import.meta.url));

/** A Python that has the package: the system's own rather than another. */
function pythonWith(name: string): string | undefined {
  return ["/usr/bin/python3", ...findPrograms("python3")].find((program) => {
    try {
      execFileSync(program, ["-c", `import ${name}`], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
}

describe("a compressed message that lasts longer than pingInterval", () => {
  for (const name of shareOf(PEERS)) {
    const python = pythonWith(name);
    const options = {
      timeout: 60_000,
      ...(python === undefined ? { skip: `no python3-${name} is installed` } : {}),
    };
    it(`reaches ${name}, and pings go on behind it`, options, async () => {
      await using child = new Child(python!, [file, name]);
      const [port] = await child.printed(/^\d+$/m);
      const pong = Promise.withResolvers<void>();
      const echo = Promise.withResolvers<unknown>();
      const connection = await connect(`ws://127.0.0.1:${port}/`, {
        perMessageDeflate: true,
        pingInterval: 100,
        websocket: {
          message: (_connection, data) => echo.resolve(data),
          pong: () => pong.resolve(),
          close: (_connection, info) => echo.reject(new Error(`closed: ${info.closeCode}`)),
        },
      });
      assert.notEqual(connection.extensions, "");
      const pieces = Array.from({ length: 16 }, (_, at) => `piece ${at}, `);
      await connection.send(async function* (): AsyncGenerator<string> {
        for (const piece of pieces) {
          yield piece;
          await new Promise((resolve) => setTimeout(resolve, 25));
        }
      }());
      assert.equal(await echo.promise, pieces.join(""));
      await pong.promise;
      connection.terminate();
      await connection.closed;
    });
  }
});
