/**
 * Events for `diagnostics_channel`, where tools of Node, Deno and Bun listen.
 *
 * @module
 */
import { builtinModule } from "../transport/node_api.ts";
import { checkNames, type OptionNames, typeName } from "../options.ts";
import type { Observer } from "./events.ts";

/** What is used of `node:diagnostics_channel`. */
interface DiagnosticsChannel {
  channel(name: string): Channel;
}

interface Channel {
  readonly hasSubscribers: boolean;
  publish(message: unknown): void;
}

/** What is published besides connections. */
export interface DiagnosticsOptions {
  /** Whether frames and messages are published as well: they cost something for each message. @default {false} */
  traffic?: boolean;
}

const OPTIONS: OptionNames<DiagnosticsOptions> = { traffic: true };

/**
 * Returns an observer that publishes each event by `node:diagnostics_channel`, as it is: on
 * `sluice:websocket:open`, `sluice:websocket:close` and `sluice:websocket:refused`, and with `traffic` on
 * `sluice:websocket:frame` and `sluice:websocket:message`.
 *
 * @throws {DOMException} NotSupportedError If the platform has no `node:diagnostics_channel`.
 * @throws {TypeError} If an option is unknown or invalid.
 *
 * @example
 * ```ts
 * import { clients, diagnosticsChannels, observe } from "@sluice/websocket/inspect";
 * import { subscribe } from "node:diagnostics_channel";
 *
 * subscribe("sluice:websocket:open", (event) => console.log(event));
 * using _observation = observe(clients, diagnosticsChannels());
 * ```
 */
export function diagnosticsChannels(options: DiagnosticsOptions = {}): Observer {
  checkNames(options, OPTIONS);
  const { traffic = false } = options;
  if (typeof traffic !== "boolean") {
    throw new TypeError(
      `Cannot read options: traffic must be a boolean, got ${typeName(traffic)}`,
    );
  }
  const module = builtinModule<DiagnosticsChannel>("node:diagnostics_channel");
  if (module === undefined) {
    throw new DOMException(
      "Cannot publish events: this platform has no node:diagnostics_channel",
      "NotSupportedError",
    );
  }
  const publisher = (name: keyof Observer): (event: unknown) => void => {
    const channel = module.channel(`sluice:websocket:${name}`);
    return (event): void => {
      if (channel.hasSubscribers) channel.publish(event);
    };
  };
  return {
    open: publisher("open"),
    refused: publisher("refused"),
    close: publisher("close"),
    ...(traffic && { frame: publisher("frame"), message: publisher("message") }),
  };
}
