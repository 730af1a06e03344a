/**
 * The corner of Bun's interface that the servers stand on, so that the check needs no types of it.
 *
 * @module
 */
import type { BunSocketLike } from "../../lib/adapters/bun/mod.ts";

/** A TCP socket, with the bytes it could not take yet. */
export interface BunSocket {
  data: Uint8Array[];
  write(bytes: Uint8Array): number;
}

/** What is needed of a server within its handler. */
export interface BunServer {
  upgrade(request: Request, options?: { headers: [string, string][]; data: unknown }): boolean;
  requestIP(request: Request): { address: string; port: number } | null;
}

/** Whether a connection has a context of its own. */
export type BunCompressor = "dedicated" | "shared";

/** Bun's servers. */
export interface BunLike {
  listen(options: {
    hostname: string;
    port: number;
    socket: {
      open(socket: BunSocket): void;
      data(socket: BunSocket, chunk: Uint8Array): void;
      drain(socket: BunSocket): void;
    };
  }): { port: number };
  serve(options: {
    hostname: string;
    port: number;
    fetch(
      request: Request,
      server: BunServer,
    ): Response | undefined | Promise<Response | undefined>;
    websocket: {
      message(socket: BunSocketLike, data: string | Uint8Array<ArrayBuffer>): void;
      perMessageDeflate: boolean | { compress: BunCompressor; decompress: BunCompressor };
      idleTimeout: number;
      maxPayloadLength: number;
      backpressureLimit: number;
    };
  }): { port: number };
}

/** Bun itself. */
export const bun: BunLike = (globalThis as unknown as { Bun: BunLike }).Bun;
