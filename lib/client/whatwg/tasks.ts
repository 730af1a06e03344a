/**
 * Tasks (HTML standard, section 8.1.7): what is queued runs in a turn of its own, so that all that follows from
 * it in microtasks has happened before the next one runs.
 *
 * @module
 */

type Schedule = (callback: () => void) => void;

function createScheduler(): Schedule {
  const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => unknown };
  if (setImmediate !== undefined) return (callback): void => void setImmediate(callback);
  const waiting: (() => void)[] = [];
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = (): void => waiting.shift()?.();
  return (callback): void => {
    waiting.push(callback);
    port2.postMessage(undefined);
  };
}

let schedule: Schedule | undefined;

/** Queues a task; tasks run in the order in which they were queued. */
export function queueTask(callback: () => void): void {
  (schedule ??= createScheduler())(callback);
}
