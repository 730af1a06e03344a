/**
 * What every transport must do, whatever is below it: one suite, run by a test file for each kind.
 *
 * @module
 */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { Transport, TransportSink, WriteResult } from "../../lib/link/transport.ts";
import { TransportError } from "../../lib/errors.ts";

/** Two connected transports, neither started. */
export interface OpenPair {
  client: Transport;
  server: Transport;
  /** Releases what is below them. */
  dispose(): Promise<void> | void;
}

/** One kind of transport. */
export interface Kind {
  name: string;
  /** Whether `closeWrite` shows at the peer before `close`. */
  halfClose: boolean;
  open(): Promise<OpenPair>;
}

/** The byte at a position of the stream that all tests send. */
function patternAt(position: number): number {
  return (position * 31 + (position >>> 8) * 17 + (position >>> 16)) & 255;
}

/** A piece of that stream. */
export function pattern(start: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = patternAt(start + i);
  return bytes;
}

/** How long, in milliseconds, something may take that must happen. */
const PATIENCE = 20_000;

export function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** One end under test: checks the bytes and the order of events, and calls the transport. */
export class End implements TransportSink {
  readonly transport: Transport;
  received = 0;
  chunks = 0;
  drains = 0;
  ended = false;
  closes = 0;
  error: Error | undefined;
  /** Whether what comes is the pattern. */
  expectsPattern = true;
  dataCallback: (chunk: Uint8Array) => void = () => {};
  drainCallback: () => void = () => {};
  readonly #waiting: { test: () => boolean; resolve: () => void }[] = [];
  readonly #mistakes: string[] = [];
  #calling = false;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  onData(chunk: Uint8Array): void {
    this.#event("data");
    if (this.ended) this.#mistakes.push("data after end");
    for (let i = 0; i < chunk.byteLength; i++) {
      if (this.expectsPattern && chunk[i] !== patternAt(this.received + i)) {
        this.#mistakes.push(`wrong byte at ${this.received + i}`);
        break;
      }
    }
    this.received += chunk.byteLength;
    this.chunks++;
    this.dataCallback(chunk);
    this.#look();
  }

  onDrain(): void {
    this.#event("drain");
    this.drains++;
    this.drainCallback();
    this.#look();
  }

  onEnd(): void {
    this.#event("end");
    if (this.ended) this.#mistakes.push("end twice");
    this.ended = true;
    this.#look();
  }

  onClose(error?: Error): void {
    this.#event("close");
    this.closes++;
    this.error = error;
    this.#look();
  }

  #event(name: string): void {
    if (this.#calling) this.#mistakes.push(`${name} from within a call`);
    if (this.closes > 0) this.#mistakes.push(`${name} after close`);
  }

  #look(): void {
    for (const waiting of [...this.#waiting]) {
      if (!waiting.test()) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      waiting.resolve();
    }
  }

  /** Calls the transport and notes it if the sink is called meanwhile. */
  #call<T>(call: () => T): T {
    const before = this.#calling;
    this.#calling = true;
    try {
      return call();
    } finally {
      this.#calling = before;
    }
  }

  start(): this {
    this.#call(() => this.transport.start(this));
    return this;
  }

  write(bytes: Uint8Array): WriteResult {
    return this.#call(() => this.transport.write(bytes));
  }

  pause(): void {
    this.#call(() => this.transport.pause());
  }

  resume(): void {
    this.#call(() => this.transport.resume());
  }

  endWrite(): void {
    this.#call(() => this.transport.closeWrite());
  }

  drop(): void {
    this.#call(() => this.transport.close());
  }

  /** Waits for something that events bring about. */
  async until(what: string, test: () => boolean): Promise<void> {
    if (test()) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ test, resolve });
      timer = setTimeout(
        () => reject(new Error(`waited in vain: ${what} (received ${this.received})`)),
        PATIENCE,
      );
    }).finally(() => clearTimeout(timer));
  }

  untilClosed(): Promise<void> {
    return this.until("close", () => this.closes > 0);
  }

  /** Sends a piece of the stream in chunks, waiting for `drain` as told. */
  async send(start: number, length: number, chunkSize: number): Promise<void> {
    for (let position = start; position < start + length; position += chunkSize) {
      const size = Math.min(chunkSize, start + length - position);
      const drains = this.drains;
      if (!this.write(pattern(position, size)).more) {
        await this.until("drain", () => this.drains > drains || this.closes > 0);
      }
    }
  }

  check(): void {
    assert.deepEqual(this.#mistakes, []);
    assert.ok(this.closes <= 1, "close came more than once");
  }
}

async function withPair(
  kind: Kind,
  body: (client: End, server: End) => Promise<void>,
): Promise<void> {
  const pair = await kind.open();
  const client = new End(pair.client);
  const server = new End(pair.server);
  try {
    await body(client, server);
  } finally {
    client.drop();
    server.drop();
    await pair.dispose();
  }
  client.check();
  server.check();
}

/** A fixed sequence that looks random (a linear congruential generator), from 0 up to 1. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const MIB = 1_048_576;

/** Declares the tests for one kind of transport. */
export function transportSuite(kind: Kind): void {
  const test = (name: string, body: (client: End, server: End) => Promise<void>): void => {
    it(name, { timeout: 60_000 }, () => withPair(kind, body));
  };

  describe(`transport over ${kind.name}`, () => {
    test("carries small and large chunks both ways unchanged", async (client, server) => {
      client.start();
      server.start();
      server.dataCallback = (chunk) => {
        server.write(chunk.slice());
      };
      client.write(pattern(0, 1));
      await client.until("1 byte", () => client.received === 1);
      let sent = 1;
      for (const size of [2, 1_023, 1_024, 1_025, 65_536, 1_024, 5, 5, 5, 5, 5, 5, 200_000]) {
        client.write(pattern(sent, size));
        sent += size;
        await client.until(`${sent} bytes`, () => client.received === sent);
      }
    });

    test("an empty write is nothing", async (client, server) => {
      client.start();
      server.start();
      assert.equal(client.write(new Uint8Array(0)).more, true);
      client.write(pattern(0, 3));
      await server.until("3 bytes", () => server.received === 3);
      assert.equal(server.chunks, 1);
    });

    test("carries 16 MiB each way through random pauses", async (client, server) => {
      const random = randomNumbers(7);
      for (const end of [client, server]) {
        end.dataCallback = () => {
          if (random() > 0.2) return;
          end.pause();
          if (random() < 0.3) end.resume();
          else setTimeout(() => end.resume(), random() * 2);
        };
        end.start();
      }
      await Promise.all([
        client.send(0, 16 * MIB, 100_003),
        server.send(0, 16 * MIB, 65_536),
      ]);
      for (const end of [client, server]) {
        await end.until("16 MiB", () => end.received === 16 * MIB);
      }
    });

    test("carries one write that is larger than any buffer", async (client, server) => {
      client.start();
      server.start();
      assert.equal(client.write(pattern(0, 24 * MIB)).more, false);
      assert.equal(client.write(pattern(24 * MIB, 10)).more, false);
      await server.until("all", () => server.received === 24 * MIB + 10);
      await client.until("drain", () => client.drains === 1);
      assert.equal(client.transport.bufferedAmount, 0);
    });

    test("memory that write is done with may be used again", async (client, server) => {
      client.start();
      server.start();
      let bytes = new Uint8Array(0), sent = 0;
      const write = async (size: number): Promise<void> => {
        if (bytes.length < size) bytes = new Uint8Array(size);
        bytes.set(pattern(sent, size));
        const drains = client.drains;
        const { more, copied } = client.write(bytes.subarray(0, size));
        if (copied) bytes.fill(0);
        else bytes = new Uint8Array(0);
        sent += size;
        if (!more) await client.until("drain", () => client.drains > drains);
      };
      for (let i = 0; i < 200; i++) await write(100);
      for (let i = 0; i < 100; i++) await write(60_000);
      for (let i = 0; i < 5; i++) await write(2 * MIB);
      await server.until("all", () => server.received === sent);
    });

    test("not reading stops the peer, and nothing is lost", async (client, server) => {
      client.start();
      server.start();
      server.pause();
      const chunk = 256 * 1_024;
      let sent = 0;
      let stuck = false;
      while (!stuck && sent < 64 * MIB) {
        const drains = client.drains;
        const { more } = client.write(pattern(sent, chunk));
        sent += chunk;
        if (more) continue;
        assert.ok(client.transport.bufferedAmount > 0 || client.drains === drains);
        for (let i = 0; i < 50 && client.drains === drains; i++) await delay(10);
        stuck = client.drains === drains;
      }
      assert.ok(stuck, "64 MiB went out to a peer that does not read");
      assert.ok(client.transport.bufferedAmount > 0);
      assert.ok(client.transport.bufferedAmount <= chunk, "more is buffered than was written last");
      assert.ok(server.chunks <= 1, "more than one chunk after pause");
      const drains = client.drains;
      server.resume();
      await client.until("drain", () => client.drains > drains);
      await server.until("all", () => server.received === sent);
      assert.equal(client.transport.bufferedAmount, 0);
    });

    test("after pause at most one more chunk comes", async (client, server) => {
      client.start();
      server.start();
      client.write(pattern(0, 10));
      await server.until("10 bytes", () => server.received === 10);
      server.pause();
      const { chunks } = server;
      for (let i = 0; i < 5; i++) {
        client.write(pattern(10 + i * 1_000, 1_000));
        await delay(5);
      }
      assert.ok(server.chunks <= chunks + 1);
      server.resume();
      await server.until("all", () => server.received === 5_010);
    });

    test(
      "closeWrite comes after the data, and the other way stays open",
      async (client, server) => {
        client.start();
        server.start();
        const outward = client.send(0, MIB, 50_000).then(() => client.endWrite());
        await server.until("1 MiB", () => server.received === MIB);
        await outward;
        if (kind.halfClose) await server.until("end", () => server.ended);
        assert.equal(server.closes, 0);
        assert.equal(client.write(pattern(0, 5)).more, false);
        const back = server.send(0, MIB, 50_000).then(() => server.endWrite());
        await client.until("1 MiB back", () => client.received === MIB);
        await back;
        if (kind.halfClose) await client.until("end", () => client.ended);
        else client.drop();
        await client.untilClosed();
        await server.untilClosed();
        assert.equal(server.received, MIB);
        assert.equal(client.error, undefined);
        assert.equal(server.error, undefined);
      },
    );

    test("close after closeWrite lets out what was written", async (client, server) => {
      server.start();
      client.start();
      client.write(pattern(0, 200_000));
      client.endWrite();
      client.drop();
      await client.untilClosed();
      await server.until("all", () => server.received === 200_000);
      await server.until("the end", () => server.ended || server.closes > 0);
      assert.equal(client.error, undefined);
    });

    test("the end of a peer is not lost while paused", async (client, server) => {
      client.start();
      server.start();
      server.pause();
      client.write(pattern(0, 100_000));
      client.endWrite();
      if (!kind.halfClose) client.drop();
      await delay(30);
      server.resume();
      await server.until("all", () => server.received === 100_000);
      await server.until("end", () => server.ended);
    });

    test(
      "close while writing drops it all and notifies both sides once",
      async (client, server) => {
        client.start();
        server.start();
        server.pause();
        for (let i = 0; i < 16; i++) client.write(pattern(i * MIB, MIB));
        client.drop();
        client.drop();
        assert.equal(client.write(pattern(0, 10)).more, false);
        await client.untilClosed();
        assert.equal(client.error, undefined);
        server.resume();
        await server.until("the end", () => server.ended || server.closes > 0);
        server.drop();
        await server.untilClosed();
        assert.ok(server.received < 16 * MIB);
      },
    );

    test("a peer that goes with data unread shows as an error", async (client, server) => {
      client.start();
      server.start();
      server.pause();
      for (let i = 0; i < 16; i++) client.write(pattern(i * MIB, MIB));
      await delay(20);
      server.drop();
      await server.untilClosed();
      await client.untilClosed();
      assert.ok(client.error instanceof TransportError, String(client.error));
      assert.equal(client.error.code, "CONNECTION_RESET");
      assert.equal(client.transport.bufferedAmount, 0);
    });

    test("a second sink takes over from the first", async (client, server) => {
      client.start();
      const first = new End(server.transport);
      first.dataCallback = () => {
        if (first.received === 10) server.start();
      };
      first.start();
      client.write(pattern(0, 10));
      await first.until("10 bytes", () => first.received === 10);
      client.write(pattern(0, 5_000));
      await server.until("5000 bytes", () => server.received === 5_000);
      assert.equal(first.received, 10);
      client.drop();
      await server.until("the end", () => server.ended || server.closes > 0);
      assert.equal(first.ended, false);
      assert.equal(first.closes, 0);
    });

    test("nothing is lost that comes before start", async (client, server) => {
      client.start();
      client.write(pattern(0, 1_000));
      await delay(20);
      client.write(pattern(1_000, 1_000));
      client.endWrite();
      await delay(20);
      server.start();
      await server.until("all", () => server.received === 2_000);
      if (kind.halfClose) await server.until("end", () => server.ended);
    });

    test("a sink that starts after close is notified", async (client, server) => {
      client.drop();
      await delay(20);
      client.start();
      await client.untilClosed();
      server.start();
      await server.until("the end", () => server.ended || server.closes > 0);
    });

    test("close just before start is reported once", async (client, server) => {
      client.drop();
      client.start();
      server.start();
      await client.untilClosed();
      await server.until("the end", () => server.ended || server.closes > 0);
      await delay(5);
      assert.equal(client.closes, 1);
    });

    test("names its addresses", (client, server) => {
      const { localAddress, remoteAddress } = client.transport;
      if (remoteAddress?.transport === "tcp") {
        assert.equal(remoteAddress.port, server.transport.localAddress?.port);
        assert.equal(localAddress?.port, server.transport.remoteAddress?.port);
        assert.equal(remoteAddress.hostname, "127.0.0.1");
      }
      return Promise.resolve();
    });
  });
}
