/** Bun's own server and client with permessage-deflate. */
import { answer, obey, tell } from "./peer.ts";
import { readTerms } from "./terms.ts";

interface BunWebSocket {
  readonly data: { id: string };
  send(data: string | ArrayBuffer | Uint8Array, compress: boolean): number;
  close(code?: number, reason?: string): void;
  ping(payload: string): number;
}

interface BunServer {
  readonly port: number;
  upgrade(request: Request, options: { data: { id: string } }): boolean;
}

interface BunLike {
  serve(options: {
    hostname: string;
    port: number;
    fetch(request: Request, server: BunServer): Response | undefined;
    websocket: {
      perMessageDeflate: boolean | { compress: string; decompress: string };
      maxPayloadLength: number;
      backpressureLimit: number;
      open(socket: BunWebSocket): void;
      message(socket: BunWebSocket, data: string | Uint8Array<ArrayBuffer>): void;
      close(socket: BunWebSocket, code: number): void;
    };
  }): BunServer;
}

const { Bun } = globalThis as unknown as { Bun: BunLike };

/** Its terms are the server's, and not a connection's: one server for each. */
function serve(perMessageDeflate: boolean | { compress: string; decompress: string }): number {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request, server): Response | undefined {
      const { id } = readTerms(request.url);
      if (server.upgrade(request, { data: { id } })) return undefined;
      return new Response(null, { status: 426 });
    },
    websocket: {
      perMessageDeflate,
      maxPayloadLength: 64 * 1024 * 1024,
      backpressureLimit: 64 * 1024 * 1024,
      open: ({ data: { id } }) => tell({ id, event: "open" }),
      message: (socket, data) =>
        answer({
          send: (message) => void socket.send(message, true),
          close: (code, reason) => socket.close(code, reason),
        }, data),
      close: ({ data: { id } }, code) => tell({ id, event: "closed", code }),
    },
  }).port;
}

obey(({ id, url }) => {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  let event = "failed";
  socket.addEventListener("open", () => {
    event = "closed";
    tell({ id, event: "open", extensions: socket.extensions });
  });
  socket.addEventListener("message", ({ data }) => answer(socket, data));
  socket.addEventListener("close", ({ code }) => tell({ id, event, code }));
});

tell({
  event: "ready",
  // It keeps contexts where it is told to, by the size of one.
  ports: {
    dedicated: serve({ compress: "dedicated", decompress: "dedicated" }),
    shared: serve({ compress: "shared", decompress: "shared" }),
    small: serve({ compress: "3KB", decompress: "3KB" }),
    default: serve(true),
  },
});
