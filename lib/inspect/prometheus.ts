/**
 * What servers count, in the text format of Prometheus (version 0.0.4).
 *
 * @module
 */
import { checkNames, type OptionNames, typeName } from "../options.ts";
import type { AnyMessage } from "../connection/streamed_message.ts";
import type { ServerStats } from "../server/server_stats.ts";

/** A server's statistics, and the labels that tell it from others. */
export interface PrometheusSource {
  /** What `server.stats` returned. */
  stats: ServerStats<unknown, AnyMessage>;
  /** Labels of every sample: `{ port: "8080" }`, say. @default {{}} */
  labels?: Readonly<Record<string, string>>;
}

/** How it is written. */
export interface PrometheusOptions {
  /** What every name begins with. @default {"sluice_"} */
  prefix?: string;
}

const OPTIONS: OptionNames<PrometheusOptions> = { prefix: true };
const SOURCE: OptionNames<PrometheusSource> = { stats: true, labels: true };

/** Names of metrics, and of labels. */
const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/, LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

type Labels = Readonly<Record<string, string>>;

/** One metric: what it is, and its samples for one server. */
interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  samples(stats: ServerStats<unknown, AnyMessage>): [labels: Labels, value: number][];
}

const METRICS: readonly Metric[] = [
  {
    name: "connections",
    type: "gauge",
    help: "Open connections.",
    samples: ({ open }) => [[{}, open]],
  },
  {
    name: "handshakes_pending",
    type: "gauge",
    help: "Opening handshakes that are not decided.",
    samples: ({ pending }) => [[{}, pending]],
  },
  {
    name: "handshakes_accepted_total",
    type: "counter",
    help: "Opening handshakes that became connections.",
    samples: ({ accepted }) => [[{}, accepted]],
  },
  {
    name: "handshakes_refused_total",
    type: "counter",
    help: "Opening handshakes that were refused or failed, by the code of the error.",
    samples: ({ refused }) => Object.entries(refused).map(([code, count]) => [{ code }, count]),
  },
  {
    name: "connections_closed_total",
    type: "counter",
    help: "Closed connections, by close code and by the side that began.",
    samples: ({ closed }) =>
      (["local", "remote"] as const).flatMap((initiator) =>
        Object.entries(closed[initiator]).map(
          ([code, count]): [Labels, number] => [{ initiator, code }, count],
        )
      ),
  },
  traffic("messages", "Messages."),
  traffic("frames", "Frames, control frames among them."),
  traffic("bytes", "Bytes of frames."),
  {
    name: "buffered_bytes_max",
    type: "gauge",
    help: "Bytes that wait for the slowest peer.",
    samples: ({ slowest }) => [[{}, slowest[0]?.bufferedAmount ?? 0]],
  },
];

function traffic(what: "messages" | "frames" | "bytes", help: string): Metric {
  return {
    name: `${what}_total`,
    type: "counter",
    help,
    samples: (stats) => [
      [{ direction: "received" }, stats[`${what}Received`]],
      [{ direction: "sent" }, stats[`${what}Sent`]],
    ],
  };
}

/** The labels that samples have of their own. */
const OWN_LABELS = ["code", "initiator", "direction"];

/**
 * Returns what one server or several have counted, in the text format of Prometheus: for the answer to
 * `GET /metrics`, with the type `text/plain; version=0.0.4`.
 *
 * @throws {TypeError} If an option, a label or its name is unknown or invalid.
 *
 * @example
 * ```ts
 * import { prometheusText } from "@sluice/websocket/inspect";
 * import { listen } from "@sluice/websocket/server";
 * import assert from "node:assert/strict";
 *
 * await using server = await listen({ port: 0, websocket: {}, fetch: metrics });
 *
 * function metrics(): Response {
 *   return new Response(prometheusText({ stats: server.stats }), {
 *     headers: { "content-type": "text/plain; version=0.0.4" },
 *   });
 * }
 *
 * const answer = await fetch(`http://localhost:${server.address.port}/metrics`);
 * assert.match(await answer.text(), /^sluice_connections 0$/m);
 * ```
 */
export function prometheusText(
  sources: PrometheusSource | readonly PrometheusSource[],
  options: PrometheusOptions = {},
): string {
  checkNames(options, OPTIONS);
  const { prefix = "sluice_" } = options;
  if (!METRIC_NAME.test(`${prefix}x`)) {
    throw new TypeError(
      `Cannot read options: prefix must have letters, digits, _ and : only, got ${
        JSON.stringify(prefix)
      }`,
    );
  }
  const list = Array.isArray(sources) ? sources as PrometheusSource[] : [sources];
  for (const source of list) checkSource(source as PrometheusSource);
  return METRICS.map((metric) => {
    const name = prefix + metric.name;
    const lines = (list as PrometheusSource[]).flatMap(({ stats, labels }) =>
      metric.samples(stats).map(([own, value]) =>
        `${name}${labelText({ ...labels, ...own })} ${value}\n`
      )
    );
    return `# HELP ${name} ${metric.help}\n# TYPE ${name} ${metric.type}\n${lines.join("")}`;
  }).join("");
}

function checkSource(source: PrometheusSource): void {
  checkNames(source, SOURCE, { verb: "write metrics" });
  if (typeof source.stats?.open !== "number") {
    throw new TypeError(
      `Cannot write metrics: stats must be those of a server, got ${typeName(source.stats)}`,
    );
  }
  for (const [name, value] of Object.entries(source.labels ?? {})) {
    if (!LABEL_NAME.test(name) || name.startsWith("__") || OWN_LABELS.includes(name)) {
      throw new TypeError(
        `Cannot write metrics: the label ${
          JSON.stringify(name)
        } is not allowed; a name has letters, ` +
          `digits and _, does not begin with __, and is not ${OWN_LABELS.join(", ")}`,
      );
    }
    if (typeof value !== "string") {
      throw new TypeError(
        `Cannot write metrics: the label ${name} must be a string, got ${typeName(value)}`,
      );
    }
  }
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", '"': '\\"', "\n": "\\n" };

function escape(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => ESCAPES[character]);
}
