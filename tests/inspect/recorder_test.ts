/** The recorder: what it keeps, and the files that it writes. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import validator from "har-validator";
import { clients, type Har, observe, Recorder } from "../../lib/inspect/mod.ts";
import { refuseNo, serveChat } from "../support/chat_server.ts";
import { pair, RawPeer, settle } from "../../lib/testing/mod.ts";
import { connect } from "../../mod.ts";

const options = { timeout: 60_000 };

/** A connection over a network with one exchange, and a handshake that is refused, recorded at both ends. */
async function record(): Promise<{ atServer: Recorder; atClient: Recorder }> {
  const atServer = new Recorder(), atClient = new Recorder();
  const { network, server } = await serveChat({
    handshake: refuseNo,
  });
  using _server = observe(server, atServer);
  using _clients = observe(clients, atClient);
  const client = await connect("ws://chat.example/room?a=1&a=2", { network });
  client.send("Grüße");
  await client.receive();
  client.send(Uint8Array.of(0, 255));
  await client.receive();
  client.close(4001, "enough");
  await client.closed;
  await assert.rejects(connect("ws://chat.example/no", { network }));
  await server.shutdown();
  await settle();
  return { atServer, atClient };
}

describe("a recorder", () => {
  it("keeps the last events, the oldest first", options, () => {
    const { client, server } = pair();
    server.discard();
    const recorder = new Recorder({ maxEvents: 5 });
    using _observation = observe(client, recorder);
    for (let at = 0; at < 4; at++) client.send(`${at}`);
    assert.deepEqual(
      recorder.events.map((event) => event.kind === "message" ? event.data : event.kind),
      ["1", "frame", "2", "frame", "3"],
    );
    recorder.clear();
    assert.deepEqual(recorder.events, []);
    client.send("again");
    assert.equal(recorder.events.length, 2);
    client.terminate();
  });

  it("keeps a copy of what passes, and no more than maxPayload of it", options, () => {
    const { client, server } = pair();
    server.discard();
    const recorder = new Recorder({ maxPayload: 4 });
    using _observation = observe(client, recorder);
    const bytes = Uint8Array.of(1, 2, 3, 4, 5);
    client.send(bytes);
    bytes.fill(9);
    client.send("üüü");
    client.send("four");
    const kept = recorder.events.flatMap((event) =>
      event.kind === "message"
        ? [[
          typeof event.data === "string" ? event.data : [...event.data],
          event.size,
          event.isComplete,
        ]]
        : []
    );
    assert.deepEqual(kept, [[[1, 2, 3, 4], 5, false], ["üü", 6, false], ["four", 4, true]]);
    client.terminate();
  });

  it("keeps a copy of a Buffer as well, whose slice would be a view", options, () => {
    const { client, server } = pair();
    server.discard();
    const recorder = new Recorder();
    using _observation = observe(client, recorder);
    const bytes = Buffer.from("hello");
    client.send(bytes);
    bytes.fill(88);
    const [{ _webSocketMessages: [{ data }] }] = recorder.toHar().log.entries;
    assert.equal(atob(data), "hello");
    client.terminate();
  });

  it("shows no secret of a refused handshake, though the error quotes it", options, async () => {
    const recorder = new Recorder(), secret = "S3CR3T";
    const { network, server } = await serveChat({
      websocket: {},
      handshake: () => {
        const location = `https://u:${secret}@x.example/cb?token=${secret}`;
        return new Response(null, { status: 302, headers: { location } });
      },
    });
    using _server = observe(server, recorder);
    using _clients = observe(clients, recorder);
    await assert.rejects(connect("ws://chat.example/", { network }), new RegExp(secret));
    for (const head of [`GET /#?token=${secret} HTTP/1.1\r\nHost: u:${secret}@b.example`]) {
      const peer = await RawPeer.connect(network, { hostname: "chat.example", port: 80 });
      peer.write(`${head}\r\nOrigin: http://a/?token=${secret}\r\n\r\n`);
      await peer.readHead();
      peer.end();
    }
    await settle();
    assert.equal(recorder.events.length, 3);
    assert.doesNotMatch(recorder.toJsonLines(), new RegExp(secret));
    assert.doesNotMatch(JSON.stringify(recorder.toHar()), new RegExp(secret));
    await server.shutdown();
  });

  it("refuses wrong options", () => {
    assert.throws(() => new Recorder({ maxEvents: 0 }), RangeError);
    assert.throws(() => new Recorder({ limit: 1 } as object), /limit is not an option/);
    assert.throws(() => new Recorder({ maxPayload: -1 }), RangeError);
  });
});

describe("HAR", () => {
  it("passes a validator, at either end, with a refused handshake", options, async () => {
    const { atServer, atClient } = await record();
    for (const recorder of [atServer, atClient]) {
      const har: Har = JSON.parse(JSON.stringify(recorder.toHar()));
      await validate(har);
      const [entry, refused] = har.log.entries;
      assert.equal(har.log.entries.length, 2);
      assert.equal(entry.request.url, "ws://chat.example/room?a=1&a=2");
      assert.deepEqual(entry.request.queryString, [
        { name: "a", value: "1" },
        { name: "a", value: "2" },
      ]);
      assert.deepEqual([entry.response.status, refused.response.status], [101, 403]);
      const [sent, received] = recorder === atClient ? ["send", "receive"] : ["receive", "send"];
      const base64 = "AP8=";
      assert.deepEqual(
        entry._webSocketMessages.map(({ type, opcode, data }) => [type, opcode, data]),
        [[sent, 1, "Grüße"], [received, 1, "Grüße"], [sent, 2, base64], [received, 2, base64]],
      );
      const times = entry._webSocketMessages.map(({ time }) => time);
      assert.deepEqual([...times].sort((one, other) => one - other), times);
      assert.ok(Math.abs(times[0] - Date.now() / 1000) < 60);
      assert.deepEqual(entry._webSocketClose, {
        code: 4001,
        reason: recorder === atClient ? "" : "enough", // what the peer said
        wasClean: true,
        initiator: recorder === atClient ? "local" : "remote",
      });
      assert.ok(Date.parse(entry.startedDateTime) > 0 && entry.time >= 0);
      assert.equal(har.log.creator.version, versionOf());
    }
    await assert.rejects(validate({ log: { version: "1.2" } } as Har), /creator/);
  });
});

/** Has the validator judge: its errors are in the message. */
async function validate(har: Har): Promise<void> {
  await validator.har(har).catch((error: { errors: unknown[] }) => {
    throw new Error(JSON.stringify(error.errors));
  });
}

function versionOf(): string {
  return JSON.parse(readFileSync(new URL("../../deno.json", import.meta.url), "utf8")).version;
}

describe("lines of JSON", () => {
  it("has a line for each event, in order", options, async () => {
    const { atClient } = await record();
    const lines = atClient.toJsonLines().split("\n");
    assert.equal(lines.pop(), "");
    const events = lines.map((line) => JSON.parse(line));
    assert.deepEqual(events.map(({ event }) => event), [
      "open",
      ...["frame", "message", "frame", "message"],
      ...["frame", "message", "frame", "message"],
      "frame",
      "frame",
      "close",
      "refused",
    ]);
    const [open, frame, message] = events, close = events.at(-2), refused = events.at(-1);
    assert.deepEqual([open.url, open.role], ["ws://chat.example/room?a=1&a=2", "client"]);
    assert.deepEqual([frame.connection, frame.opcode], [open.connection, 1]);
    assert.deepEqual([message.data, message.size], ["Grüße", 7]);
    const end = events.at(-3);
    assert.deepEqual([end.opcode, end.closeCode, end.initiator], [8, 4001, "local"]);
    assert.deepEqual([close.closeCode, close.reason, close.wasClean], [4001, "", true]);
    assert.equal(close.stats.messagesSent, 2);
    assert.deepEqual([refused.role, refused.code, refused.status], ["client", "STATUS", 403]);
    for (const { time } of events) assert.equal(new Date(time).toISOString(), time);
  });
});
