/**
 * The option `network` of `connect` and `listen`.
 *
 * @module
 */
import { checkMethods } from "../options.ts";
import type { Clock } from "../protocol/clock.ts";
import type { TransportNetwork } from "./transport.ts";

/**
 * Checks the network, if one is given.
 *
 * @throws {TypeError} If it is something else.
 */
export function checkNetwork(verb: string, network: TransportNetwork | undefined): void {
  if (network === undefined) return;
  const what = `${verb}: network must be an object with the methods connect and listen`;
  checkMethods(what, network, "connect", "listen");
}

/** Returns the options with the clock of their network, unless they have one themselves. */
export function withClockOf<Options extends { clock?: Clock; network?: TransportNetwork }>(
  options: Options,
): Options {
  const clock = options.network?.clock;
  return clock === undefined || options.clock !== undefined ? options : { ...options, clock };
}
