/** Bun's own server. */
import { answer, obey, readTarget, tell, tls } from "./peer.ts";

interface Data {
  id: string;
  protocol: string;
}

interface BunWebSocket {
  readonly data: Data;
  send(data: string | ArrayBuffer | Uint8Array): number;
  close(code?: number, reason?: string): void;
  ping(payload: string): number;
}

interface BunServer {
  readonly port: number;
  upgrade(request: Request, options: { data: Data; headers: Record<string, string> }): boolean;
}

interface BunLike {
  serve(options: {
    hostname: string;
    port: number;
    tls?: { cert: string; key: string };
    fetch(request: Request, server: BunServer): Response | undefined;
    websocket: {
      maxPayloadLength: number;
      backpressureLimit: number;
      open(socket: BunWebSocket): void;
      message(socket: BunWebSocket, data: string | Uint8Array<ArrayBuffer>): void;
      pong(socket: BunWebSocket, data: Uint8Array): void;
      close(socket: BunWebSocket, code: number, reason: string): void;
    };
  }): BunServer;
}

const { Bun } = globalThis as unknown as { Bun: BunLike };

function serve(options: { tls?: { cert: string; key: string } }): BunServer {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    ...options,
    fetch(request, server): Response | undefined {
      const { id, refuse } = readTarget(request.url);
      if (refuse > 0) return new Response(`refused with ${refuse}`, { status: refuse });
      const offered = request.headers.get("sec-websocket-protocol") ?? "";
      const protocol = offered.includes("chat.2") ? "chat.2" : "";
      const headers: Record<string, string> = protocol === ""
        ? {}
        : { "sec-websocket-protocol": protocol };
      if (server.upgrade(request, { data: { id, protocol }, headers })) return undefined;
      return new Response(null, { status: 426 });
    },
    websocket: {
      maxPayloadLength: 64 * 1024 * 1024,
      backpressureLimit: 64 * 1024 * 1024,
      open: ({ data: { id, protocol } }) => tell({ id, event: "open", protocol }),
      message: (socket, data) =>
        answer({
          send: (message) => void socket.send(message),
          close: (code, reason) => socket.close(code, reason),
          ping: (payload) => void socket.ping(payload),
        }, data),
      pong: (socket, data) => void socket.send(`pong ${new TextDecoder().decode(data)}`),
      close: ({ data: { id } }, code, reason) => tell({ id, event: "closed", code, reason }),
    },
  });
}

const plain = serve({});
const secure = serve({ tls });
obey(() => {});
tell({ event: "ready", plain: plain.port, secure: secure.port });
