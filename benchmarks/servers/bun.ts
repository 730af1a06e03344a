/**
 * The corner of Bun's interface that the servers stand on, so that the check needs no types of it.
 *
 * @module
 */

/** A TCP socket, with the bytes it could not take yet. */
export interface BunSocket {
  data: Uint8Array[];
  write(bytes: Uint8Array): number;
}

/** A WebSocket on the server's side. */
export interface BunWebSocket {
  send(data: string | Uint8Array, compress?: boolean): number;
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
      server: { upgrade(request: Request): boolean },
    ): Response | undefined;
    websocket: {
      message(socket: BunWebSocket, data: string | Uint8Array): void;
      perMessageDeflate: boolean | { compress: BunCompressor; decompress: BunCompressor };
      idleTimeout: number;
      maxPayloadLength: number;
      backpressureLimit: number;
    };
  }): { port: number };
}

/** Bun itself. */
export const bun: BunLike = (globalThis as unknown as { Bun: BunLike }).Bun;
