/** OpenTelemetry: its own SDK receives a span for each connection, and the metrics. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { clients, observe, telemetry } from "../../lib/inspect/mod.ts";
import { refuseNo, serveChat } from "../support/chat_server.ts";
import { pair, settle } from "../../lib/testing/mod.ts";
import { connect } from "../../mod.ts";

const options = { timeout: 60_000 };

/** The SDK with exporters in memory. */
class Sdk {
  readonly #spans = new InMemorySpanExporter();
  readonly #metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  readonly #reader = new PeriodicExportingMetricReader({
    exporter: this.#metrics,
    exportIntervalMillis: 1_000_000,
  });
  readonly #tracers = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(this.#spans)],
  });
  readonly #meters = new MeterProvider({ readers: [this.#reader] });
  readonly tracer = this.#tracers.getTracer("test");
  readonly meter = this.#meters.getMeter("test");

  get spans(): ReadableSpan[] {
    return this.#spans.getFinishedSpans();
  }

  /** Collects the metrics: of each, the values by the attributes that are named. */
  async collect(...names: string[]): Promise<Record<string, unknown>> {
    this.#metrics.reset();
    await this.#reader.forceFlush();
    const metrics = this.#metrics.getMetrics().at(-1)!.scopeMetrics.flatMap((each) => each.metrics);
    return Object.fromEntries(metrics.map(({ descriptor, dataPoints }) => [
      descriptor.name,
      Object.fromEntries(dataPoints.map(({ attributes, value }) => [
        names.map((name) => attributes[name]).filter((each) => each !== undefined).join(" "),
        typeof value === "number" ? value : value.count,
      ])),
    ]));
  }

  async shutdown(): Promise<void> {
    await this.#tracers.shutdown();
    await this.#meters.shutdown();
  }
}

describe("OpenTelemetry", () => {
  it("receives a span for each connection, and the metrics", options, async () => {
    const sdk = new Sdk();
    const { network, server } = await serveChat({
      handshake: refuseNo,
    });
    const { tracer, meter } = sdk;
    using _server = observe(server, telemetry({ tracer, meter, attributes: { region: "test" } }));
    using _clients = observe(clients, telemetry({ tracer }));
    const url = "ws://chat.example/room?token=secret";
    const one = await connect(url, { network, protocols: "chat" });
    const two = await connect(url, { network });
    await assert.rejects(connect("ws://chat.example/no", { network }));
    one.send("Hello");
    await one.receive();
    const names = ["websocket.close.code", "error.type", "network.io.direction"];
    assert.deepEqual(await sdk.collect(...names), {
      "websocket.connections": { "": 2 },
      "websocket.handshakes.failed": { REFUSED: 1 },
      "websocket.messages": { receive: 1, transmit: 1 },
      "websocket.frames": { receive: 1, transmit: 1 },
      "websocket.io": { receive: 11, transmit: 7 },
    });
    one.close(1000);
    await one.closed;
    two.terminate();
    await two.closed;
    await settle();
    assert.deepEqual(await sdk.collect(...names), {
      "websocket.connections": { "": 0 },
      "websocket.connection.duration": { 1000: 1, 1006: 1 },
      "websocket.handshakes.failed": { REFUSED: 1 },
      "websocket.messages": { receive: 1, transmit: 1 },
      "websocket.frames": { receive: 2, transmit: 2 },
      "websocket.io": { receive: 19, transmit: 11 },
    });

    const spans = sdk.spans.map(({ name, kind, status, attributes, startTime, endTime }) => {
      const started = startTime[0] + startTime[1] / 1e9, ended = endTime[0] + endTime[1] / 1e9;
      assert.ok(started <= ended && Math.abs(started - Date.now() / 1000) < 60);
      assert.equal(attributes["url.full"], "ws://chat.example/room?token=redacted");
      return [
        name,
        kind,
        attributes.region,
        attributes["websocket.role"],
        attributes["websocket.subprotocol"],
        attributes["websocket.close.code"],
        attributes["websocket.messages.received"],
        status.code,
      ];
    });
    const sorted = spans.map((span) => span.join()).sort();
    assert.deepEqual(sorted, [
      "websocket,1,test,server,,1006,0,2",
      "websocket,1,test,server,chat,1000,1,0",
      "websocket,2,,client,,1006,0,2",
      "websocket,2,,client,chat,1000,1,0",
    ]);
    await server.shutdown();
    await sdk.shutdown();
  });

  it(
    "ends what has begun, though the observation was stopped, doubled, or the Tracer fails",
    options,
    async (test) => {
      const print = test.mock.method(console, "error", () => {});
      const sdk = new Sdk(), { tracer, meter } = sdk, { client, server } = pair();
      server.discard();
      const failing = {
        startSpan: () => ({
          setAttributes(): never {
            throw new Error("of the Tracer");
          },
          setStatus() {},
          end() {},
        }),
      };
      const both = telemetry({ tracer, meter });
      observe(client, both).stop();
      observe(client, both);
      observe(client, telemetry({ tracer: failing, meter }));
      assert.deepEqual((await sdk.collect())["websocket.connections"], { "": 2 });
      client.close();
      await client.closed;
      await settle();
      assert.deepEqual((await sdk.collect())["websocket.connections"], { "": 0 });
      assert.equal(sdk.spans.length, 1);
      assert.equal(print.mock.callCount(), 1);
      await sdk.shutdown();
    },
  );

  it("refuses what is neither Meter nor Tracer", () => {
    assert.throws(() => telemetry({ tracer: {} as never }), /tracer must be a Tracer/);
    assert.throws(() => telemetry({ meter: {} as never }), /meter must be a Meter/);
    assert.throws(() => telemetry({ spans: 1 } as object), /spans is not an option/);
  });
});
