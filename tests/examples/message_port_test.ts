/** WebSocket over a MessagePort: the example that is built on ./protocol alone. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { PortSocket } from "../../examples/message_port/port_socket.ts";
import type { MessageData } from "../../lib/codec.ts";
import { until } from "../support/until.ts";

const options = { timeout: 60_000 };

describe("WebSocket over a MessagePort", () => {
  it("needs nothing but ./protocol, and some 60 lines", () => {
    const text = readFileSync(
      new URL("../../examples/message_port/port_socket.ts", import.meta.url),
      "utf8",
    );
    const imports = [...text.matchAll(/from "([^"]+)"/g)].map((match) => match[1]);
    assert.deepEqual(imports, ["../../lib/protocol/mod.ts"]);
    const code = text.replace(/\/\*\*[\s\S]*?\*\//g, "").replace(/import [\s\S]*?;.*\n/, "");
    const lines = code.split("\n").filter((line) => line.trim() !== "");
    assert.ok(lines.length <= 60, `${lines.length} lines`);
  });

  it(
    "carries text and binary both ways, compressed, and closes with both Closes",
    options,
    async () => {
      const { port1, port2 } = new MessageChannel();
      const got: MessageData[] = [], echoed: MessageData[] = [];
      const accepting = PortSocket.accept(port2, (data) => {
        got.push(data);
        void accepting.then((server) => server.send(data));
      });
      const client = await PortSocket.connect(port1, (data) => void echoed.push(data));
      const server = await accepting;
      const sent = ["Hello", "a".repeat(100_000), Uint8Array.of(1, 2, 3), ""];
      for (const data of sent) client.send(data);
      await until("the echo", () => echoed.length === sent.length);
      assert.deepEqual([got, echoed], [sent, sent]);
      client.close(4001, "done");
      assert.deepEqual(await server.closed, { closeCode: 4001, reason: "done" });
      assert.equal((await client.closed)?.closeCode, 4001);
    },
  );

  it("answers what breaks the protocol with a Close, and ends", options, async () => {
    const { port1, port2 } = new MessageChannel();
    const accepting = PortSocket.accept(port2, () => assert.fail("no message came"));
    await PortSocket.connect(port1, () => {});
    const server = await accepting;
    const answers: Uint8Array[] = [];
    port1.onmessage = ({ data }): void => void answers.push(data);
    port1.postMessage(Uint8Array.of(0x83, 0x80, 0, 0, 0, 0)); // a reserved opcode
    assert.equal(await server.closed, undefined);
    await until("the Close", () => answers.length === 1);
    assert.deepEqual([answers[0][0], answers[0][2] << 8 | answers[0][3]], [0x88, 1002]);
    port1.close();
  });
});
