/**
 * Looking at connections from outside: frames and messages as they pass, a recorder that writes HAR and lines
 * of JSON, and what servers and connections count for Prometheus, OpenTelemetry and `diagnostics_channel`.
 *
 * @module
 */
export { clients, type Observation, observe, type ObserveTarget } from "./observe.ts";
export type { AnyConnection, Watchable } from "../connection/watcher.ts";
export type {
  Direction,
  ObservedClose,
  ObservedConnection,
  ObservedEvent,
  ObservedFrame,
  ObservedHandshake,
  ObservedHead,
  ObservedMessage,
  ObservedOpening,
  ObservedRefusal,
  ObservedRequest,
  ObservedResponse,
  Observer,
  RecordedEvent,
} from "./events.ts";
export { Recorder, type RecorderOptions } from "./recorder.ts";
export type { JsonEvent } from "./json_events.ts";
export type {
  Har,
  HarEntry,
  HarPair,
  HarRequest,
  HarResponse,
  HarWebSocketClose,
  HarWebSocketMessage,
} from "./har.ts";
export { type PrometheusOptions, type PrometheusSource, prometheusText } from "./prometheus.ts";
export {
  telemetry,
  type TelemetryAttributes,
  type TelemetryMeter,
  type TelemetryOptions,
  type TelemetryResult,
  type TelemetrySpan,
  type TelemetryTracer,
} from "./telemetry.ts";
export { diagnosticsChannels, type DiagnosticsOptions } from "./diagnostics.ts";
