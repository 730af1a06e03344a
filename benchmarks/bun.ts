/**
 * What the load uses of Bun.
 *
 * @module
 */

/** What is used of a socket of Bun's. */
export interface BunSocket {
  write(bytes: Uint8Array): number;
  end(): void;
  terminate(): void;
}

interface BunLike {
  connect(options: {
    hostname: string;
    port: number;
    socket: {
      data(socket: BunSocket, chunk: Uint8Array): void;
      drain?(socket: BunSocket): void;
      close(socket: BunSocket): void;
    };
  }): Promise<BunSocket>;
}

/** Bun, on which all load is made. */
export const bun: BunLike = (globalThis as unknown as { Bun: BunLike }).Bun;
