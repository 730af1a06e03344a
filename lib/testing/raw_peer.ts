/**
 * A peer that does what the test says, and nothing else.
 *
 * @module
 */
import { concat } from "../frame/memory.ts";
import type { Role } from "../frame/opcode.ts";
import type { HeaderEntries } from "../handshake/caller_headers.ts";
import { decodeLatin1, encodeLatin1 } from "../handshake/latin1.ts";
import type { Transport, TransportNetwork } from "../link/transport.ts";
import { ClientUpgrade, ServerUpgrade } from "../protocol/upgrade.ts";
import { type ByteStreamPair, fromByteStreamPair } from "../transport/byte_stream.ts";
import { comparePart, expectSoon } from "./assertions.ts";
import { type RawFrame, rawFrame, type RawFrameInit, readRawFrame } from "./raw_frame.ts";

/** What a raw peer's opening handshake says. */
export interface RawUpgradeOptions {
  /** The subprotocols that a client offers, or the one that a server chooses. */
  protocol?: string;
  /** Headers to add. */
  headers?: HeaderEntries;
  /** Whether permessage-deflate is offered or accepted. @default {false} */
  perMessageDeflate?: boolean;
}

/** A raw peer that listens. */
export interface RawListener {
  /** Returns the next client. */
  accept(): Promise<RawPeer>;
  /** Stops listening. */
  close(): Promise<void>;
}

/**
 * One end of a connection, played by the test: it sends any bytes and frames, also those that a peer must
 * not send, and shows what comes as it is on the wire.
 *
 * @example A server that breaks off in the middle of a frame.
 * ```ts
 * import { connect } from "@sluice/websocket";
 * import { expectClosed, Network, RawPeer } from "@sluice/websocket/testing";
 * import assert from "node:assert/strict";
 *
 * const network = new Network();
 * const listener = await RawPeer.listen(network, { port: 80 });
 * const connecting = connect("ws://example.com", { network });
 * const peer = await listener.accept();
 * await peer.upgrade();
 * const client = await connecting;
 *
 * client.send("Hello");
 * await peer.expectFrame({ opcode: 1, payload: "Hello" });
 * peer.send({ payload: "only a part", announced: 100 });
 * peer.end();
 * assert.equal((await expectClosed(client)).closeCode, 1006);
 * ```
 */
export class RawPeer {
  /** Which end it plays. */
  readonly role: Role;
  readonly #transport: Transport;
  #received: Uint8Array = new Uint8Array(0);
  #hasEnded = false;
  #closed = false;
  readonly #changes = new Changes();

  /** @internal Use `connect`, `listen` or `over`. */
  constructor(transport: Transport, role: Role) {
    this.#transport = transport;
    this.role = role;
    transport.start({
      onData: (chunk) => {
        this.#received = concat(this.#received, chunk);
        this.#changes.report();
      },
      onDrain() {},
      onEnd: () => {
        this.#hasEnded = true;
        this.#changes.report();
      },
      onClose: () => {
        this.#closed = true;
        this.#changes.report();
      },
    });
  }

  /** Connects as a client, without an opening handshake. */
  static async connect(
    network: TransportNetwork,
    address: { hostname?: string; port: number },
  ): Promise<RawPeer> {
    return new RawPeer(await network.connect(address), "client");
  }

  /** Listens as a server. */
  static async listen(
    network: TransportNetwork,
    address: { hostname?: string; port: number },
  ): Promise<RawListener> {
    const waiting: RawPeer[] = [], changes = new Changes();
    const listener = await network.listen(address, {
      onConnection: (transport) => {
        waiting.push(new RawPeer(transport, "server"));
        changes.report();
      },
      onError() {},
    });
    return {
      accept: () => changes.expect("a client", () => waiting.shift()),
      close: () => listener.close(),
    };
  }

  /** Plays one end of a pair of byte streams. */
  static over(stream: ByteStreamPair, role: Role): RawPeer {
    return new RawPeer(fromByteStreamPair(stream), role);
  }

  /** What has come and was not read. */
  get received(): Uint8Array {
    return this.#received;
  }

  /** Whether the other end has ended its direction. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether the connection is gone. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Sends bytes as they are: a string in latin-1. */
  write(bytes: string | Uint8Array): void {
    this.#transport.write(typeof bytes === "string" ? encodeLatin1(bytes) : bytes.slice());
  }

  /** Sends a frame. */
  send(frame: RawFrameInit): void {
    this.#transport.write(rawFrame(frame, this.role === "client"));
  }

  /** Stops reading, so that the other end has to wait. */
  pause(): void {
    this.#transport.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#transport.resume();
  }

  /** Ends its direction. */
  end(): void {
    this.#transport.closeWrite();
  }

  /** Drops the connection: the other end sees a reset. */
  reset(): void {
    this.#transport.close();
  }

  /** Performs the opening handshake, and returns the head that came: the server's answer, or the request. */
  async upgrade(options: RawUpgradeOptions = {}): Promise<string> {
    const { protocol, headers, perMessageDeflate = false } = options;
    if (this.role === "client") {
      const client = new ClientUpgrade("ws://test/", {
        ...(protocol !== undefined && { protocols: protocol }),
        ...(headers && { headers }),
        perMessageDeflate,
      });
      this.write(client.request);
      const head = await this.readHead();
      client.receive(encodeLatin1(head));
      return head;
    }
    const head = await this.readHead();
    const server = new ServerUpgrade({ origins: "*", perMessageDeflate });
    server.receive(encodeLatin1(head));
    const { response } = server.accept({
      ...(protocol !== undefined && { protocol }),
      ...(headers && { headers }),
    });
    this.write(response);
    return head;
  }

  /**
   * Reads the head of a request or a response, in latin-1, with the empty line at its end.
   *
   * @throws {ExpectationError} If none comes (rejects).
   */
  readHead(): Promise<string> {
    return this.#read("the head of a request or a response", (bytes) => {
      const text = decodeLatin1(bytes.subarray(0, 65_536));
      const end = text.indexOf("\r\n\r\n");
      return end < 0 ? undefined : { value: text.slice(0, end + 4), size: end + 4 };
    });
  }

  /**
   * Reads a frame.
   *
   * @throws {ExpectationError} If none comes (rejects).
   */
  readFrame(): Promise<RawFrame> {
    return this.#read("a frame", (bytes) => {
      const value = readRawFrame(bytes);
      return value && { value, size: value.headerSize + value.payload.length };
    });
  }

  /**
   * Reads a frame, and compares it with what is given; a payload may be given as text.
   *
   * @throws {ExpectationError} If none comes, or another one (rejects).
   */
  async expectFrame(
    expected: Partial<Omit<RawFrame, "payload">> & { payload?: string | Uint8Array },
  ): Promise<RawFrame> {
    const frame = await this.readFrame(), { payload } = expected;
    const actual = typeof payload === "string"
      ? { ...frame, payload: new TextDecoder().decode(frame.payload) }
      : frame;
    comparePart<object>(actual, expected);
    return frame;
  }

  /**
   * Waits until the other end has ended its direction, or the connection is gone.
   *
   * @throws {ExpectationError} If it does not (rejects).
   */
  async expectEnd(): Promise<void> {
    await this.#changes.expect(
      "the end of the other direction",
      () => this.#hasEnded || this.#closed || undefined,
    );
  }

  #read<Value>(
    what: string,
    parse: (bytes: Uint8Array) => { value: Value; size: number } | undefined,
  ): Promise<Value> {
    return this.#changes.expect(what, () => {
      const parsed = parse(this.#received);
      if (parsed !== undefined) this.#received = this.#received.subarray(parsed.size);
      return parsed?.value;
    });
  }
}

/** Waits for what becomes true by something that happens. */
class Changes {
  #waiting: (() => void)[] = [];

  /** Something has happened. */
  report(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const look of waiting) look();
  }

  /** Returns the first result of `take` that is not undefined; after an error it is not called again. */
  async expect<Value>(what: string, take: () => Value | undefined): Promise<Value> {
    let isWanted = true;
    const taken = new Promise<Value>((resolve) => {
      const look = (): void => {
        const value = isWanted ? take() : undefined;
        if (value !== undefined) resolve(value);
        else if (isWanted) this.#waiting.push(look);
      };
      look();
    });
    try {
      return await expectSoon(taken, what);
    } finally {
      isWanted = false;
    }
  }
}
