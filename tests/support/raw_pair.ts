/** A connection, and at its other end a raw peer that knows what has passed. */
import assert from "node:assert/strict";
import { constants, deflateRawSync } from "node:zlib";
import { upgradeHttp2 } from "../../lib/adapters/node/http2.ts";
import { listen } from "../../lib/server/mod.ts";
import { Network, RawPeer, settle } from "../../lib/testing/mod.ts";
import {
  type RawFrame,
  rawFrame,
  type RawFrameInit,
  readRawFrame,
} from "../../lib/testing/raw_frame.ts";
import { http2Rig } from "../adapters/http2_support.ts";
import { connect, type ConnectionStats, type WebSocketConnection } from "../../mod.ts";

/** A raw peer that counts what it sends and what it has read. */
export class CountingPeer {
  sent = { frames: 0, bytes: 0 };
  received = { frames: 0, bytes: 0 };
  /** The frames that it has read. */
  readonly frames: RawFrame[] = [];
  readonly #peer: RawPeer;

  constructor(peer: RawPeer) {
    this.#peer = peer;
  }

  send(frame: RawFrameInit): void {
    this.sent.frames++;
    this.sent.bytes += rawFrame(frame, this.#peer.role === "client").length;
    this.#peer.send(frame);
  }

  /** Sends bytes that are no whole frame. */
  write(bytes: Uint8Array): void {
    this.#peer.write(bytes);
  }

  /** Reads frames until nothing more comes. */
  async drain(): Promise<void> {
    await settle();
    while (this.#peer.received.length > 0) {
      const frame = await this.#peer.readFrame(), { headerSize, payload } = frame;
      this.frames.push(frame);
      this.received.frames++;
      this.received.bytes += headerSize + payload.length;
    }
  }

  /** Compares with what the connection counts. */
  compare(stats: ConnectionStats): void {
    assert.deepEqual(
      {
        sent: { frames: stats.framesSent, bytes: stats.bytesSent },
        received: { frames: stats.framesReceived, bytes: stats.bytesReceived },
      },
      { sent: this.received, received: this.sent },
    );
  }
}

/** A connection in this role, and the raw peer at its other end. */
export async function openRaw(
  role: "client" | "server",
  given: {
    perMessageDeflate?: boolean;
    chunkSize?: number;
    messages?: "whole" | "stream";
    mask?: () => number;
  } = {},
): Promise<{ connection: WebSocketConnection; peer: CountingPeer; network: Network }> {
  const { perMessageDeflate = false, chunkSize = Infinity, messages = "whole", mask } = given;
  const network = new Network({ chunkSize });
  const own = {
    network,
    messages: messages as "whole",
    ...(mask && { mask }),
    perMessageDeflate: perMessageDeflate && { threshold: 0 },
  };
  if (role === "client") {
    const listener = await RawPeer.listen(network, { port: 80 });
    const connecting = connect("ws://test", own);
    const raw = await listener.accept();
    await raw.upgrade({ perMessageDeflate });
    return { connection: await connecting, peer: new CountingPeer(raw), network };
  }
  const server = await listen({ ...own, port: 80, websocket: () => {}, onError: () => {} });
  const raw = await RawPeer.connect(network, { port: 80 });
  await raw.upgrade({ perMessageDeflate });
  const [connection] = server.connections;
  return { connection, peer: new CountingPeer(raw), network };
}

/** Compresses as permessage-deflate does (RFC 7692 section 7.2.1). */
export function deflated(text: string): Uint8Array {
  return deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

/** What has passed on a stream of HTTP/2: what was sent, and what came back. */
export interface Http2Exchange {
  connection: WebSocketConnection;
  sent: Uint8Array[];
  received: Uint8Array;
  answers: RawFrame[];
}

/** Sends frames, the last a Close, to an echoing server over HTTP/2; `open` is called as its handler. */
export async function exchangeHttp2(
  frames: readonly RawFrameInit[],
  open: (connection: WebSocketConnection) => void = () => {},
): Promise<Http2Exchange> {
  const { promise, resolve } = Promise.withResolvers<WebSocketConnection>();
  await using rig = await http2Rig((stream, headers) => {
    void upgradeHttp2(stream, headers, {
      websocket: {
        open(connection): void {
          open(connection);
          resolve(connection);
        },
        message: (connection, data) => void connection.send(data),
      },
    });
  });
  const stream = rig.open().request({
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":path": "/",
    ":authority": `localhost:${rig.port}`,
    "sec-websocket-version": "13",
  });
  const chunks: Uint8Array[] = [];
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>();
  stream.on("data", (chunk: Uint8Array) => void chunks.push(chunk));
  stream.on("close", () => onClosed());
  const connection = await promise;
  const sent = frames.map((frame) => rawFrame(frame, true));
  for (const frame of sent) stream.write(frame);
  await connection.closed;
  stream.end();
  await closed;
  const received = Uint8Array.from(chunks.flatMap((chunk) => [...chunk])), answers: RawFrame[] = [];
  for (let at = 0; at < received.length;) {
    const frame = readRawFrame(received.subarray(at))!;
    at += frame.headerSize + frame.payload.length;
    answers.push(frame);
  }
  return { connection, sent, received, answers };
}
