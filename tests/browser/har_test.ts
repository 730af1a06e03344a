/** The HAR of a recorder beside what Chromium's debugging protocol reports of the same WebSocket. */
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { type HarPair, observe, Recorder } from "../../lib/inspect/mod.ts";
import { listen } from "../../lib/server/mod.ts";
import { Chromium, needsChromium } from "../support/chromium.ts";
import { NetworkPanel, type ShownFrame } from "./network_panel.ts";

const options = { timeout: 120_000 };

/** Headers by name. */
function byName(headers: readonly HarPair[]): Record<string, string> {
  return Object.fromEntries(headers.map(({ name, value }) => [name.toLowerCase(), value]));
}

describe("HAR beside Chromium", needsChromium(), () => {
  let browser: Chromium | undefined;
  before(async () => {
    browser = await Chromium.start();
  });
  after(() => browser?.close());

  for (const perMessageDeflate of [false, true]) {
    const how = perMessageDeflate ? "compressed" : "plain";
    it(`has the same heads and the same messages, ${how}`, options, async () => {
      assert.ok(browser !== undefined, "Chromium did not start");
      const recorder = new Recorder({ maxPayload: Infinity });
      const server = await listen({
        port: 0,
        hostname: "127.0.0.1",
        protocols: ["chat"],
        perMessageDeflate: perMessageDeflate && { threshold: 0 },
        fetch: () =>
          new Response("<title>Page</title>", { headers: { "content-type": "text/html" } }),
        handshake: () => ({ headers: { "x-room": "lobby" } }),
        websocket: { message: (own, data) => void own.send(data) },
        onRefused: () => {}, // a browser opens sockets that it may need
      });
      using _observation = observe(server, recorder);
      const host = `127.0.0.1:${server.address.port}`, url = `ws://${host}/room?a=1`;
      const tab = await browser.newTab(`http://${host}/`);
      const panel = await NetworkPanel.open(tab);
      await tab.call(
        (url: string) =>
          new Promise((resolve) => {
            const socket = new WebSocket(url, "chat");
            socket.binaryType = "arraybuffer";
            const messages = ["Grüße", "x".repeat(100_000), Uint8Array.of(0, 1, 254, 255), ""];
            let echoes = 0;
            socket.onopen = () => messages.forEach((message) => socket.send(message));
            socket.onmessage = () => ++echoes === messages.length && socket.close(4001, "enough");
            socket.onclose = resolve;
          }),
        url,
      );
      const shown = await panel.closed(url);
      await tab.close();
      await server.shutdown({ timeout: 0 });

      const entry = recorder.toHar().log.entries.find((each) => each.request.url === url)!;
      // What the page sends, our end receives.
      const as = (type: string, { opcode, payloadData }: ShownFrame): unknown[] => [
        type,
        opcode,
        payloadData,
      ];
      const ours = (type: string): unknown[] =>
        entry._webSocketMessages.filter((each) => each.type === type)
          .map(({ type, opcode, data }) => [type, opcode, data]);
      assert.deepEqual(ours("receive"), shown.sent.map((each) => as("receive", each)));
      assert.deepEqual(ours("send"), shown.received.map((each) => as("send", each)));
      assert.equal(shown.sent.length, 4);
      assert.deepEqual(Object.keys(entry._webSocketMessages[0]).sort(), [
        "data",
        "opcode",
        "time",
        "type",
      ]);
      assert.deepEqual(byName(entry.request.headers), shown.request);
      assert.deepEqual(byName(entry.response.headers), shown.response);
      assert.deepEqual([entry.response.status, shown.status], [101, 101]);
      assert.equal(entry._webSocketClose?.code, 4001);
      // Whether a frame was masked is part of the frames, as the browser has it.
      const masks = recorder.events.flatMap((event) =>
        event.kind === "frame" && event.opcode < 8 && event.fragment === 1
          ? [[event.direction, event.masked]]
          : []
      );
      const shownMasks = [
        ...shown.sent.map(({ mask }) => ["received", mask]),
        ...shown.received.map(({ mask }) => ["sent", mask]),
      ];
      assert.deepEqual(masks.map(String).sort(), shownMasks.map(String).sort());
    });
  }
});
