/** Events of node:diagnostics_channel arrive on every runtime. */
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, it } from "node:test";
import { diagnosticsChannels, observe, type ObservedClose } from "../../lib/inspect/mod.ts";
import { refuseNo, serveChat } from "../support/chat_server.ts";
import { settle } from "../../lib/testing/mod.ts";
import { connect } from "../../mod.ts";

const options = { timeout: 60_000 };
const NAMES = ["open", "refused", "frame", "message", "close"].map((name) =>
  `sluice:websocket:${name}`
);

describe("diagnostics_channel", () => {
  for (const traffic of [false, true]) {
    it(`carries each event as it is, traffic: ${traffic}`, options, async () => {
      const { network, server } = await serveChat({
        handshake: refuseNo,
        websocket: {},
      });
      using _observation = observe(server, diagnosticsChannels({ traffic }));
      const seen: [string, unknown][] = [];
      const listener = (event: unknown, name: string | symbol): void => {
        seen.push([String(name).slice("sluice:websocket:".length), event]);
      };
      for (const name of NAMES) subscribe(name, listener);
      try {
        const client = await connect("ws://chat.example", { network });
        client.send("Hello");
        client.close(4001);
        await client.closed;
        await assert.rejects(connect("ws://chat.example/no", { network }));
        await settle();
      } finally {
        for (const name of NAMES) unsubscribe(name, listener);
      }
      const passed = traffic ? ["frame", "message", "frame", "frame"] : [];
      assert.deepEqual(seen.map(([name]) => name), ["open", ...passed, "close", "refused"]);
      const close = seen.at(-2)![1] as ObservedClose;
      assert.equal(close.info.closeCode, 4001);
      assert.equal(close.connection.role, "server");
      await server.shutdown();
    });
  }

  it("refuses wrong options", () => {
    assert.throws(() => diagnosticsChannels({ traffic: 1 as never }), /must be a boolean/);
    assert.throws(() => diagnosticsChannels({ frames: true } as object), /frames is not an option/);
  });
});
