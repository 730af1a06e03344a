/**
 * Metrics and spans through OpenTelemetry: the Meter and the Tracer are the user's. Names of attributes follow
 * the semantic conventions of OpenTelemetry where there are some.
 *
 * @module
 */
import type { ConnectionStats } from "../connection/stats.ts";
import { isNormalEnd } from "../message/close.ts";
import { checkMethods, checkNames, type OptionNames } from "../options.ts";
import { printError, textOf } from "../thrown.ts";
import {
  eventTime,
  type ObservedClose,
  type ObservedConnection,
  type ObservedOpening,
  type ObservedRefusal,
  type Observer,
} from "./events.ts";

/** Values of attributes. */
export type TelemetryAttributes = Record<string, string | number | boolean>;

/** What is used of a span of OpenTelemetry. */
export interface TelemetrySpan {
  /** Adds attributes. */
  setAttributes(attributes: TelemetryAttributes): unknown;
  /** Sets the status: 2 is an error. */
  setStatus(status: { code: number; message?: string }): unknown;
  /** Ends it, in milliseconds since 1970. */
  end(endTime?: number): void;
}

/** What is used of a Tracer of OpenTelemetry. */
export interface TelemetryTracer {
  /** Starts a span. */
  startSpan(
    name: string,
    options?: { kind?: number; attributes?: TelemetryAttributes; startTime?: number },
  ): TelemetrySpan;
}

/** Takes a value when metrics are collected. */
export interface TelemetryResult {
  /** Takes it. */
  observe(value: number, attributes?: TelemetryAttributes): void;
}

/** What is used of a Meter of OpenTelemetry. */
export interface TelemetryMeter {
  /** Creates a counter that only grows. */
  createCounter(
    name: string,
    options?: { description?: string; unit?: string },
  ): { add(value: number, attributes?: TelemetryAttributes): void };
  /** Creates a counter that also falls. */
  createUpDownCounter(
    name: string,
    options?: { description?: string; unit?: string },
  ): { add(value: number, attributes?: TelemetryAttributes): void };
  /** Creates a histogram. */
  createHistogram(
    name: string,
    options?: { description?: string; unit?: string },
  ): { record(value: number, attributes?: TelemetryAttributes): void };
  /** Creates a counter that is read when metrics are collected. */
  createObservableCounter(
    name: string,
    options?: { description?: string; unit?: string },
  ): { addCallback(callback: (result: TelemetryResult) => void): void };
}

/** What telemetry goes to. */
export interface TelemetryOptions {
  /** The Meter for metrics. @default {none} */
  meter?: TelemetryMeter;
  /** The Tracer for one span a connection. @default {none} */
  tracer?: TelemetryTracer;
  /** Attributes that every span and every sample have. @default {{}} */
  attributes?: TelemetryAttributes;
}

const OPTIONS: OptionNames<TelemetryOptions> = { meter: true, tracer: true, attributes: true };

/** SpanKind of OpenTelemetry. */
const KINDS = { client: 2, server: 1, internal: 0 };
/** SpanStatusCode.ERROR. */
const ERROR = 2;

/**
 * Returns an observer that reports to OpenTelemetry: a span for each connection, from its opening to its
 * end, and the metrics `websocket.connections`, `websocket.connection.duration`, `websocket.handshakes.failed`,
 * `websocket.messages`, `websocket.frames` and `websocket.io`. Counters are read when they are collected,
 * so that a message costs nothing.
 *
 * @throws {TypeError} If an option is unknown or invalid.
 *
 * @example
 * ```ts
 * import { observe, telemetry, type TelemetryTracer } from "@sluice/websocket/inspect";
 * import type { WebSocketServer } from "@sluice/websocket/server";
 *
 * // import { trace } from "@opentelemetry/api";
 * // instrument(server, trace.getTracer("chat"));
 * function instrument(server: WebSocketServer, tracer: TelemetryTracer): Disposable {
 *   return observe(server, telemetry({ tracer }));
 * }
 * ```
 */
export function telemetry(options: TelemetryOptions): Observer {
  checkNames(options, OPTIONS);
  const { meter, tracer, attributes = {} } = options;
  if (tracer !== undefined) {
    checkMethods("read options: tracer must be a Tracer of OpenTelemetry", tracer, "startSpan");
  }
  if (meter !== undefined) {
    const what = "read options: meter must be a Meter of OpenTelemetry";
    checkMethods(
      what,
      meter,
      "createCounter",
      "createUpDownCounter",
      "createHistogram",
      "createObservableCounter",
    );
  }
  const reporters = [
    ...(tracer === undefined ? [] : [new Spans(tracer, attributes)]),
    ...(meter === undefined ? [] : [new Metrics(meter, attributes)]),
  ];
  const open = new WeakSet<ObservedConnection>();
  return {
    open(event): void {
      const { connection } = event;
      if (open.has(connection)) return; // observed twice, it is still one
      open.add(connection);
      for (const each of reporters) guard(() => each.open(event));
      // Not by an event: what has begun is ended, also when the observation has been stopped before.
      void connection.connection.closed.then((info) => {
        const { stats } = connection.connection;
        const closed = { connection, time: eventTime(), info, stats };
        for (const each of reporters) guard(() => each.close(closed));
      });
    },
    refused(event): void {
      for (const each of reporters) guard(() => each.refused(event));
    },
  };
}

/** What one reporter throws, the user's Tracer for example, keeps no other from its call. */
function guard(call: () => void): void {
  try {
    call();
  } catch (error) {
    printError("OpenTelemetry failed:", error);
  }
}

/** One span for each connection. */
class Spans implements Observer {
  readonly #tracer: TelemetryTracer;
  readonly #attributes: TelemetryAttributes;
  readonly #open = new Map<ObservedConnection, TelemetrySpan>();

  constructor(tracer: TelemetryTracer, attributes: TelemetryAttributes) {
    this.#tracer = tracer;
    this.#attributes = attributes;
  }

  open({ connection, time }: ObservedOpening): void {
    const span = this.#tracer.startSpan("websocket", {
      kind: KINDS[connection.role ?? "internal"],
      attributes: { ...this.#attributes, ...describe(connection) },
      startTime: time,
    });
    this.#open.set(connection, span);
  }

  /** A handshake that failed is no connection: it is counted only. */
  refused(): void {}

  close({ connection, info, stats, time }: ObservedClose): void {
    const span = this.#open.get(connection);
    this.#open.delete(connection);
    if (span === undefined) return;
    span.setAttributes({
      "websocket.close.code": info.closeCode,
      "websocket.close.initiator": info.initiator,
      "websocket.close.clean": info.wasClean,
      "websocket.messages.received": stats.messagesReceived,
      "websocket.messages.sent": stats.messagesSent,
      ...known("websocket.io.received", stats.bytesReceived),
      ...known("websocket.io.sent", stats.bytesSent),
      ...known("websocket.round_trip", stats.smoothedRoundTrip),
    });
    if (info.error !== undefined || !isNormalEnd(info.closeCode)) {
      const message = info.error === undefined
        ? `closed with ${info.closeCode}`
        : textOf(info.error);
      span.setStatus({ code: ERROR, message });
    }
    span.end(time);
  }
}

type Traffic = "messages" | "frames" | "bytes";

/** Counters, and what is read of connections when they are collected. */
class Metrics implements Observer {
  readonly #attributes: TelemetryAttributes;
  readonly #connections: ReturnType<TelemetryMeter["createUpDownCounter"]>;
  readonly #duration: ReturnType<TelemetryMeter["createHistogram"]>;
  readonly #failed: ReturnType<TelemetryMeter["createCounter"]>;
  readonly #open = new Set<ObservedConnection>();
  /** What passed over the connections that are closed. */
  readonly #past: Record<Traffic, { received: number; sent: number }> = {
    messages: { received: 0, sent: 0 },
    frames: { received: 0, sent: 0 },
    bytes: { received: 0, sent: 0 },
  };

  constructor(meter: TelemetryMeter, attributes: TelemetryAttributes) {
    this.#attributes = attributes;
    this.#connections = meter.createUpDownCounter("websocket.connections", {
      description: "Open connections.",
      unit: "{connection}",
    });
    this.#duration = meter.createHistogram("websocket.connection.duration", {
      description: "How long connections were open.",
      unit: "s",
    });
    this.#failed = meter.createCounter("websocket.handshakes.failed", {
      description: "Opening handshakes that were refused or failed.",
      unit: "{handshake}",
    });
    this.#count(meter, "websocket.messages", "messages", "{message}");
    this.#count(meter, "websocket.frames", "frames", "{frame}");
    this.#count(meter, "websocket.io", "bytes", "By");
  }

  open({ connection }: ObservedOpening): void {
    this.#open.add(connection);
    this.#connections.add(1, { ...this.#attributes, ...roleOf(connection) });
  }

  refused({ role, error }: ObservedRefusal): void {
    const attributes = { "websocket.role": role, "error.type": error.code };
    this.#failed.add(1, { ...this.#attributes, ...attributes });
  }

  close({ connection, info, stats }: ObservedClose): void {
    if (!this.#open.delete(connection)) return;
    this.#connections.add(-1, { ...this.#attributes, ...roleOf(connection) });
    this.#duration.record(stats.openTime / 1000, {
      ...this.#attributes,
      ...roleOf(connection),
      "websocket.close.code": info.closeCode,
      "websocket.close.initiator": info.initiator,
    });
    for (const what of ["messages", "frames", "bytes"] as const) add(this.#past[what], stats, what);
  }

  #count(meter: TelemetryMeter, name: string, what: Traffic, unit: string): void {
    const description = `${what[0].toUpperCase()}${what.slice(1)}, by direction.`;
    meter.createObservableCounter(name, { description, unit }).addCallback((result) => {
      const sum = { ...this.#past[what] };
      for (const { connection } of this.#open) add(sum, connection.stats, what);
      const direction = "network.io.direction";
      result.observe(sum.received, { ...this.#attributes, [direction]: "receive" });
      result.observe(sum.sent, { ...this.#attributes, [direction]: "transmit" });
    });
  }
}

function add(sum: { received: number; sent: number }, stats: ConnectionStats, what: Traffic): void {
  sum.received += stats[`${what}Received`] ?? 0;
  sum.sent += stats[`${what}Sent`] ?? 0;
}

function roleOf({ role }: ObservedConnection): TelemetryAttributes {
  return { "websocket.role": role ?? "unknown" };
}

function describe(connection: ObservedConnection): TelemetryAttributes {
  const { url, protocol, extensions, remoteAddress } = connection;
  return {
    ...roleOf(connection),
    ...(url !== "" && { "url.full": url }),
    "network.protocol.name": "websocket",
    ...(protocol !== "" && { "websocket.subprotocol": protocol }),
    ...(extensions !== "" && { "websocket.extensions": extensions }),
    ...(remoteAddress && {
      "network.peer.address": remoteAddress.hostname,
      "network.peer.port": remoteAddress.port,
    }),
  };
}

function known(name: string, value: number | undefined): TelemetryAttributes {
  return value === undefined ? {} : { [name]: value };
}
