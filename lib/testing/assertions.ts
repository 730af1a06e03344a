/**
 * What a test expects of a connection. Nothing here waits for ever: what needs no time has happened after
 * some turns of the event loop, and what needs time needs a clock that is moved.
 *
 * @module
 */
import type { WebSocketConnection } from "../connection/connection.ts";
import type { CloseInfo } from "../errors.ts";
import type { MessageData } from "../message/message.ts";
import { PATIENCE, settle } from "./clock.ts";

/** What was expected did not happen. Test runners show the difference of `actual` and `expected`. */
export class ExpectationError extends Error {
  /** The name by which test runners know it. */
  override readonly name = "AssertionError";
  /** The code by which `node:test` knows it. */
  readonly code = "ERR_ASSERTION";
  /** What happened. */
  readonly actual: unknown;
  /** What was expected. */
  readonly expected: unknown;

  /** Creates the error. */
  constructor(message: string, values: { actual: unknown; expected: unknown }) {
    super(message);
    this.actual = values.actual;
    this.expected = values.expected;
  }
}

/**
 * Waits for a promise, but no longer than until nothing happens any more without time passing.
 *
 * @param what What is awaited, for the error: `"a message"`.
 * @throws {ExpectationError} If it is still pending (rejects).
 */
export async function expectSoon<Value>(promise: Promise<Value>, what: string): Promise<Value> {
  let isPending = true;
  const done = (): void => void (isPending = false);
  promise.then(done, done);
  for (let turn = 0; turn < PATIENCE && isPending; turn++) await settle();
  if (!isPending) return await promise;
  throw new ExpectationError(
    `Expected ${what}, and nothing came; if it needs time, move the clock: clock.until(promise)`,
    { actual: undefined, expected: what },
  );
}

/**
 * Takes the next message of a connection, and compares it.
 *
 * @throws {ExpectationError} If none comes, or another one (rejects).
 *
 * @example
 * ```ts
 * import { expectClosed, expectMessage, pair } from "@sluice/websocket/testing";
 *
 * const { client, server } = pair();
 * client.send("Hello");
 * await expectMessage(server, "Hello");
 * server.close(4001, "done");
 * await expectClosed(client, { closeCode: 4001, initiator: "remote" });
 * ```
 */
export async function expectMessage<Data>(
  connection: WebSocketConnection<Data>,
  expected: MessageData,
): Promise<void> {
  const controller = new AbortController();
  const receiving = connection.receive({ signal: controller.signal });
  let actual: MessageData;
  try {
    actual = await expectSoon(receiving, `the message ${show(expected)}`);
  } finally {
    controller.abort(); // a message that comes later is not taken
    receiving.catch(() => {});
  }
  if (!isSame(actual, expected)) {
    const message = `Expected the message ${show(expected)}, got ${show(actual)}`;
    throw new ExpectationError(message, { actual, expected });
  }
}

/**
 * Waits until a connection is closed, and compares how it ended with what is given.
 *
 * @throws {ExpectationError} If it stays open, or ended otherwise (rejects).
 */
export async function expectClosed<Data>(
  connection: WebSocketConnection<Data>,
  expected: Partial<CloseInfo> = {},
): Promise<CloseInfo> {
  const info = await expectSoon(connection.closed, "the connection to be closed");
  comparePart(info, expected);
  return info;
}

/** Throws if one of the expected properties is another one. */
export function comparePart<Whole extends object>(actual: Whole, expected: Partial<Whole>): void {
  for (const name of Object.keys(expected) as (keyof Whole & string)[]) {
    if (isSame(actual[name], expected[name])) continue;
    throw new ExpectationError(
      `Expected ${name} to be ${show(expected[name])}, got ${show(actual[name])}`,
      { actual, expected },
    );
  }
}

function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (one instanceof Uint8Array && other instanceof Uint8Array) {
    return one.length === other.length && one.every((byte, i) => byte === other[i]);
  }
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) return false;
  if (one instanceof Error || other instanceof Error) return false;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length &&
    names.every((name) =>
      isSame((one as Record<string, unknown>)[name], (other as Record<string, unknown>)[name])
    );
}

/** Few enough bytes to show them all. */
const SHOWN_BYTES = 32;

function show(value: unknown): string {
  if (!(value instanceof Uint8Array)) {
    return value instanceof Error ? String(value) : JSON.stringify(value) ?? String(value);
  }
  const more = value.length > SHOWN_BYTES ? ", ..." : "";
  return `${value.length} bytes [${value.subarray(0, SHOWN_BYTES).join(", ")}${more}]`;
}
