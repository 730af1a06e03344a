/** The text of Prometheus, read by a parser of its format, beside what has happened. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import parse from "parse-prometheus-text-format";
import { prometheusText } from "../../lib/inspect/mod.ts";
import type { WebSocketServer } from "../../lib/server/mod.ts";
import { serveChat } from "../support/chat_server.ts";
import { Network, RawPeer, settle } from "../../lib/testing/mod.ts";
import { connect } from "../../mod.ts";

const options = { timeout: 60_000 };

/** A metric as the parser gives it. */
interface Parsed {
  name: string;
  help: string;
  type: string;
  metrics: { value: string; labels?: Record<string, string> }[];
}

/** The samples by name, with labels as text. */
function samplesOf(text: string): Record<string, Record<string, number>> {
  const samples: Record<string, Record<string, number>> = {};
  for (const { name, metrics } of parse(text) as Parsed[]) {
    samples[name] = Object.fromEntries(
      metrics.map(({ value, labels = {} }) => [
        Object.entries(labels).map((label) => label.join("=")).sort().join(),
        Number(value),
      ]),
    );
  }
  return samples;
}

/** A server on a network, with refusals, ends of several kinds, and one slow connection. */
async function serve(): Promise<{ server: WebSocketServer; network: Network }> {
  return await serveChat({
    network: new Network({ capacity: 1_000 }),
    onError: () => {},
    handshake(request) {
      if (request.url.endsWith("/no")) return new Response("", { status: 403 });
      if (request.url.endsWith("/fault")) throw new Error("a fault of the hook");
      return undefined;
    },
  });
}

describe("server.stats and their text", () => {
  it("count what has happened", options, async () => {
    const { server, network } = await serve(), url = "ws://chat.example/";
    const clients = [];
    for (let at = 0; at < 4; at++) clients.push(await connect(url, { network }));
    for (const path of ["no", "no", "fault"]) {
      await assert.rejects(connect(url + path, { network }));
    }
    const pending = await RawPeer.connect(network, { hostname: "chat.example", port: 80 });
    const malformed = await RawPeer.connect(network, { hostname: "chat.example", port: 80 });
    malformed.write("nonsense\r\n\r\n");
    await malformed.readHead();
    const [first, second, third, slow] = clients;
    first.send("Hello"); // 6 + 5 bytes
    assert.equal(await first.receive(), "Hello");
    first.close(4001); // 6 + 2 bytes
    await first.closed;
    second.terminate();
    await second.closed;
    await settle();
    [...server.connections][0].close(1000);
    await third.closed;
    slow.pause();
    const [open] = server.connections;
    open.send(new Uint8Array(5_000));
    await settle();

    const { slowest, ...counts } = server.stats;
    assert.deepEqual(slowest, [open]);
    assert.deepEqual(counts, {
      open: 1,
      pending: 1,
      accepted: 4,
      refused: { REFUSED: 2, INTERNAL: 1, HEAD_MALFORMED: 1 },
      closed: { local: { 1000: 1 }, remote: { 4001: 1, 1006: 1 } },
      messagesReceived: 1,
      messagesSent: 2,
      framesReceived: 3,
      framesSent: 4,
      bytesReceived: 11 + 8 + 8,
      bytesSent: 7 + 4 + 4 + 5_004,
    });
    const text = prometheusText({ stats: server.stats });
    assert.deepEqual(samplesOf(text), {
      sluice_connections: { "": 1 },
      sluice_handshakes_pending: { "": 1 },
      sluice_handshakes_accepted_total: { "": 4 },
      sluice_handshakes_refused_total: {
        "code=REFUSED": 2,
        "code=INTERNAL": 1,
        "code=HEAD_MALFORMED": 1,
      },
      sluice_connections_closed_total: {
        "code=1000,initiator=local": 1,
        "code=4001,initiator=remote": 1,
        "code=1006,initiator=remote": 1,
      },
      sluice_messages_total: { "direction=received": 1, "direction=sent": 2 },
      sluice_frames_total: { "direction=received": 3, "direction=sent": 4 },
      sluice_bytes_total: { "direction=received": 27, "direction=sent": 5_019 },
      sluice_buffered_bytes_max: { "": open.bufferedAmount },
    });
    const types = (parse(text) as Parsed[]).map((
      { name, type },
    ) => [name.endsWith("_total"), type]);
    assert.ok(types.every(([isTotal, type]) => type === (isTotal ? "COUNTER" : "GAUGE")));
    pending.end();
    slow.terminate();
    await network.clock.until(server.shutdown({ timeout: 0 }));
  });

  it("keep no more than 100 codes of a hook's own errors", options, async () => {
    const { HandshakeError } = await import("../../mod.ts");

    let count = 0;
    const { network, server } = await serveChat({
      websocket: {},
      handshake(): never {
        throw new HandshakeError(`CODE_${count++}`, "No", { status: 403 });
      },
    });
    for (let at = 0; at < 103; at++) {
      await assert.rejects(connect("ws://chat.example", { network }));
    }
    const { refused } = server.stats;
    assert.deepEqual([Object.keys(refused).length, refused.OTHER], [101, 3]);
    await server.shutdown();
  });

  it("name each metric once for several servers, and escape labels", options, async () => {
    const one = await serve(), other = await serve();
    const odd = 'a "quoted" \\ back\nslash';
    const text = prometheusText([
      { stats: one.server.stats, labels: { server: "one" } },
      { stats: other.server.stats, labels: { server: odd } },
    ], { prefix: "my_" });
    assert.equal(text.match(/# TYPE my_connections gauge/g)?.length, 1);
    assert.deepEqual(samplesOf(text).my_connections, { "server=one": 0, [`server=${odd}`]: 0 });
    await one.server.shutdown();
    await other.server.shutdown();
  });

  it("refuse names that the format does not have", options, async () => {
    const { server } = await serve(), { stats } = server;
    for (const name of ["a-b", "__a", "code", "", "1"]) {
      assert.throws(() => prometheusText({ stats, labels: { [name]: "" } }), /the label/);
    }
    assert.throws(() => prometheusText({ stats, labels: { a: 1 as never } }), /must be a string/);
    assert.throws(() => prometheusText({ stats }, { prefix: "a-" }), /prefix must have letters/);
    assert.throws(() => prometheusText(stats as never), TypeError);
    for (const wrong of [null, {}, 1]) {
      assert.throws(
        () => prometheusText({ stats: wrong as never }),
        /stats must be those of a server/,
      );
    }
    await server.shutdown();
  });
});
