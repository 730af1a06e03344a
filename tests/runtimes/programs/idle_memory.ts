/**
 * Creates thousands of idle connections, and prints a line of JSON: how many bytes of heap each holds.
 */
import process from "node:process";
import { NativeLink, type NativeSocket } from "../../../lib/link/native_link.ts";
import { readConnectionLimits } from "../../../lib/protocol/options.ts";
import { ProtocolLink } from "../../../lib/link/protocol_link.ts";
import { readConnectionOptions } from "../../../lib/protocol/protocol_options.ts";
import { memoryTransportPair } from "../../../lib/transport/memory.ts";
import { frame, PING } from "../../connection/support.ts";

/** Bytes of heap for each connection. */
export interface IdleMemory {
  /** A link over a platform's WebSocket. */
  native: number;
  /** What a link of our own holds more once it has received a frame. */
  afterFrame: number;
}

const COUNT = 10_000;
const WARM_UP = 1_000;

interface WithCollector {
  Bun?: { gc(sync: boolean): void };
  gc?(): void;
}

async function heap(): Promise<number> {
  const { Bun, gc } = globalThis as unknown as WithCollector;
  for (let round = 0; round < 4; round++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (Bun !== undefined) Bun.gc(true);
    else if (gc !== undefined) gc();
    else throw new Error("Cannot collect garbage: start with --expose-gc");
  }
  return process.memoryUsage().heapUsed;
}

/** The heap that each of `COUNT` calls leaves in use. */
async function heapOfEach(call: (at: number) => void): Promise<number> {
  for (let at = 0; at < WARM_UP; at++) call(at);
  const before = await heap();
  for (let at = WARM_UP; at < WARM_UP + COUNT; at++) call(at);
  return (await heap() - before) / COUNT;
}

const nothing = (): void => {};

async function nativeLinks(): Promise<number> {
  const socket: NativeSocket = {
    readyState: 1,
    bufferedAmount: 0,
    protocol: "",
    extensions: "",
    send: nothing,
    close: nothing,
  };
  const capabilities = {
    pause: false,
    ping: false,
    compression: false,
    streaming: false,
    anyCloseCode: false,
  };
  const options = readConnectionLimits({});
  const links = new Array<NativeLink | undefined>(WARM_UP + COUNT).fill(undefined);
  return await heapOfEach((at) => links[at] = new NativeLink(socket, { options, capabilities }));
}

/** As an adapter does that reads the same options again for each connection. */
async function afterFrame(): Promise<number> {
  const links = Array.from({ length: WARM_UP + COUNT }, () => {
    const options = readConnectionOptions({ pingInterval: Infinity });
    const transport = memoryTransportPair({ manual: true }).server;
    const link = new ProtocolLink({ role: "server", transport, options });
    link.start({
      count: 0,
      isFull: false,
      onMessage: nothing,
      onMessageStart: nothing,
      onMessageData: nothing,
      onMessageEnd: nothing,
    }, {
      isReplying: false,
      onPing: nothing,
      onPong: nothing,
      onDrain: nothing,
      onClose: nothing,
    });
    return link;
  });
  const bytes = frame(0x80 | PING + 1, "", { masked: true }); // a pong: nothing answers it
  return await heapOfEach((at) => links[at].feed(bytes));
}

const report: IdleMemory = { native: await nativeLinks(), afterFrame: await afterFrame() };
console.log(JSON.stringify(report));
