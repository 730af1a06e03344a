/**
 * Events as plain values of JSON.
 *
 * @module
 */
import { textOf } from "../thrown.ts";
import { toBase64 } from "./base64.ts";
import { redactText } from "./redact.ts";
import type { ObservedConnection, RecordedEvent } from "./events.ts";

/** An event as a plain object: `event` is its kind, `time` is in ISO 8601, `connection` is a number. */
export type JsonEvent = { readonly event: string; readonly time: string } & {
  readonly [name: string]: unknown;
};

/** Returns an event as a plain object. */
export function toJson(recorded: RecordedEvent): JsonEvent {
  const time = new Date(recorded.time).toISOString();
  switch (recorded.kind) {
    case "open":
      return { event: "open", time, ...describe(recorded.connection) };
    case "refused": {
      const { role, url, error, remoteAddress, request } = recorded;
      const { code } = error,
        message = redactText(error.message),
        status = "status" in error ? error.status : undefined;
      return { event: "refused", time, role, url, code, status, message, remoteAddress, request };
    }
    case "frame": {
      const { kind: event, connection, time: _, payload, ...rest } = recorded;
      const shown = payload === undefined ? undefined : toBase64(payload);
      return { event, time, connection: connection.id, ...rest, payload: shown };
    }
    case "message": {
      const { kind: event, connection, time: _, data, ...rest } = recorded;
      const shown = typeof data === "string" ? data : toBase64(data);
      return { event, time, connection: connection.id, ...rest, data: shown };
    }
    case "close": {
      const { connection, stats, info: { closeCode, reason, wasClean, initiator, error } } =
        recorded;
      const why = error === undefined ? undefined : redactText(textOf(error));
      const end = { closeCode, reason, wasClean, initiator, error: why };
      return { event: "close", time, connection: connection.id, ...end, stats };
    }
  }
}

function describe(
  { id, role, url, protocol, extensions, remoteAddress, handshake }: ObservedConnection,
): Record<string, unknown> {
  return { connection: id, role, url, protocol, extensions, remoteAddress, handshake };
}
