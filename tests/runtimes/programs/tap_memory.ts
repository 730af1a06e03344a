/**
 * Passes many messages through a protocol, and prints a line of JSON: how many bytes of heap each takes before
 * there was a tap, with one, and behind one. Started so that nothing is collected meanwhile.
 */
import process from "node:process";
import { ConnectionTap } from "../../../lib/inspect/connection_tap.ts";
import { maskedCopy } from "../../../lib/frame/mask.ts";
import { Protocol } from "../../../lib/protocol/protocol.ts";
import { readConnectionOptions } from "../../../lib/protocol/protocol_options.ts";
import { rawFrame } from "../../../lib/testing/raw_frame.ts";

/** Bytes for each message. */
export interface TapMemory {
  sent: Record<"before" | "tapped" | "after", number>;
  received: Record<"before" | "tapped" | "after", number>;
  /** What the memory of a received message takes, which is its receiver's. */
  copy: number;
}

const COUNT = 20_000;

const nothing = (): void => {};

const protocol = new Protocol({ role: "server", options: readConnectionOptions({}) }, {
  onClosing: nothing,
});
protocol.start({ onMessage: nothing }, { onPing: nothing, onPong: nothing });

const message = new Uint8Array(16);
const frame = rawFrame({ payload: message }, true);

function send(): void {
  protocol.encoder.message(message);
  if (protocol.output.length > 60_000) protocol.output.release();
}

function receive(): void {
  protocol.receive(frame);
}

/** The least of some rounds: what the compiler allocates in its own thread comes on top of it. */
function heapOfEach(pass: () => void): number {
  return Math.min(...Array.from({ length: 4 }, () => heapOfRound(pass)));
}

function heapOfRound(pass: () => void): number {
  const { gc } = globalThis as { gc?: () => void };
  for (let at = 0; at < COUNT; at++) pass();
  gc!();
  const before = process.memoryUsage().heapUsed;
  for (let at = 0; at < COUNT; at++) pass();
  return (process.memoryUsage().heapUsed - before) / COUNT;
}

function measure(pass: () => void): TapMemory["sent"] {
  const events = { onFrame: nothing, onMessage: nothing };
  const before = heapOfEach(pass);
  const link = { role: "server", compression: undefined, closeInitiator: undefined } as const;
  protocol.setTap(new ConnectionTap(link, events));
  const tapped = heapOfEach(pass);
  protocol.setTap(undefined);
  return { before, tapped, after: heapOfEach(pass) };
}

let kept: Uint8Array | undefined;

function copy(): void {
  kept = maskedCopy(frame, 6, 22, 0x04030201);
}

const sent = measure(send), received = measure(receive);
const memory: TapMemory = { sent, received, copy: heapOfEach(copy) };
if (kept === undefined) throw new Error("nothing was copied");
console.log(JSON.stringify(memory));
