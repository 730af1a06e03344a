/**
 * The end of a turn of the event loop. That is no time: neither a connection's clock nor the fake timers
 * of a test have a part in it, so the platform's functions are kept as they were when this was loaded.
 *
 * @module
 */
const setTurn = setTimeout;
const clearTurn = clearTimeout;

/** Calls back in the next turn; returns what cancels that. */
export function afterTurn(callback: () => void): unknown {
  return setTurn(callback, 0);
}

/** Cancels what `afterTurn` returned. */
export function cancelTurn(turn: unknown): void {
  clearTurn(turn as number | undefined);
}
