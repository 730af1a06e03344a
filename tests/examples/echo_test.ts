import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { connect } from "../../mod.ts";
import { needs, type RuntimeName, runtimeNames, startFile } from "../support/runtimes.ts";

const examples = new URL("../../examples/", import.meta.url);
const options = { timeout: 60_000 };

/** What a reader is told to allow, and no more. */
const permissions = [
  "--no-prompt",
  "--allow-net",
  "--allow-env",
  "--allow-read",
  "--allow-run", // the chat bundles its page
];

function start(name: RuntimeName, file: string, port = "0") {
  return startFile(name, new URL(file, examples), { permissions, env: { PORT: port } });
}

for (const name of runtimeNames) {
  describe(`the examples on ${name}`, needs(name), () => {
    it("echo.ts prints its address and echoes text and binary", options, async () => {
      await using server = start(name, "echo.ts");
      const [, address] = await server.printed(/^Echo on (ws:\/\/localhost:\d+\/)$/m);
      await using connection = await connect(address);
      connection.send("Grüße");
      assert.equal(await connection.receive(), "Grüße");
      connection.send(Uint8Array.of(0, 255));
      assert.deepEqual(await connection.receive(), Uint8Array.of(0, 255));
    });

    it("echo.ts returns more than the buffers on the way hold", options, async () => {
      await using server = start(name, "echo.ts");
      const [, address] = await server.printed(/^Echo on (\S+)$/m);
      await using connection = await connect(address, { maxBufferedAmount: Infinity });
      const message = new Uint8Array(1 << 20).fill(7);
      for (let i = 0; i < 64; i++) connection.send(message);
      for (let i = 0; i < 64; i++) {
        const { length } = await connection.receive();
        assert.equal(length, message.length);
      }
    });

    it("the chat prints its address, serves its page and passes messages on", options, async () => {
      await using server = start(name, "chat/main.ts");
      const [, address] = await server.printed(/^Chat on (http:\/\/localhost:\d+\/)$/m);
      for (const [path, type] of [["", "text/html"], ["room/den", "text/html"]]) {
        const page = await fetch(address + path);
        assert.equal(page.status, 200);
        assert.equal(page.headers.get("content-type"), `${type}; charset=utf-8`);
        assert.match(await page.text(), /<title>Chat<\/title>/);
      }
      const missing = await fetch(`${address}../main.ts`);
      assert.equal(missing.status, 404);
      await missing.body?.cancel();
      const url = `${address}chat?room=den&name=Ada`;
      await using ada = await connect(url);
      await using ben = await connect(url);
      assert.deepEqual(JSON.parse(String(await ben.receive())).people, ["Ada", "Ada 2"]);
      ada.send('{"type":"say","text":"Hello"}');
      while (true) {
        const message = JSON.parse(String(await ben.receive()));
        if (message.type === "roundTrips") continue;
        assert.equal(message.type, "said");
        assert.equal(message.said.name, "Ada");
        assert.equal(message.said.text, "Hello");
        break;
      }
    });

    it("the chat shuts down with 1001 on SIGINT", options, async () => {
      await using server = start(name, "chat/main.ts");
      const [, address] = await server.printed(/^Chat on (\S+)$/m);
      const connection = await connect(`${address}chat?room=den&name=Ada`, { websocket: {} });
      server.signal("SIGINT");
      const { closeCode, wasClean } = await connection.closed;
      assert.deepEqual({ closeCode, wasClean }, { closeCode: 1001, wasClean: true });
      assert.deepEqual(await server.exited, { code: 0, signal: null });
    });

    it("the chat says that its port is busy, in one line", options, async () => {
      await using server = start(name, "chat/main.ts");
      const [, port] = await server.printed(/^Chat on http:\/\/localhost:(\d+)\/$/m);
      await using second = start(name, "chat/main.ts", port);
      const { code } = await second.exited;
      assert.equal(code, 1);
      assert.match(second.output, new RegExp(`^Port ${port} is busy: [^\\n]+\\n$`));
    });
  });
}
