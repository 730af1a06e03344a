/** The `ws` package with permessage-deflate, on the terms that each connection asks for. */
import { createServer, type IncomingMessage } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { answer, obey, tell } from "./peer.ts";
import { readTerms, type Terms } from "./terms.ts";

interface Socket {
  send(data: string | ArrayBuffer | Uint8Array, options?: { fin: boolean }): void;
  close(code?: number, reason?: string): void;
  ping(payload: string): void;
  on(event: "open" | "error", listener: () => void): void;
  on(event: "message", listener: (data: Uint8Array<ArrayBuffer>, isBinary: boolean) => void): void;
  on(event: "pong", listener: (payload: Uint8Array) => void): void;
  on(event: "close", listener: (code: number) => void): void;
  on(event: "upgrade", listener: (answer: IncomingMessage) => void): void;
}

interface Options {
  perMessageDeflate: Terms & { threshold: number };
}

interface Ws {
  WebSocket: new (url: string, options: Options) => Socket;
  WebSocketServer: new (options: Options & { noServer: boolean }) => {
    handleUpgrade(
      request: IncomingMessage,
      socket: Duplex,
      head: Uint8Array,
      done: (socket: Socket) => void,
    ): void;
    on(event: "headers", listener: (lines: string[]) => void): void;
  };
}

const EXTENSIONS = "Sec-WebSocket-Extensions: ";
const { WebSocket, WebSocketServer } = createRequire(import.meta.url)("ws") as Ws;

function attach(socket: Socket, id: string): void {
  const text = new TextDecoder();
  const peer = {
    send: (data: string | ArrayBuffer | Uint8Array) => socket.send(data),
    close: (code?: number, reason?: string) => socket.close(code, reason),
    ping: (payload: string) => socket.ping(payload),
    sendFragments: (fragments: string[]) => {
      fragments.forEach((fragment, i) => {
        socket.send(fragment, { fin: i === fragments.length - 1 });
        socket.ping("between fragments");
      });
    },
  };
  socket.on("message", (data, isBinary) => answer(peer, isBinary ? data : text.decode(data)));
  socket.on("close", (code) => tell({ id, event: "closed", code }));
}

const server = createServer();
server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Uint8Array) => {
  const { id, terms } = readTerms(request.url ?? "");
  const upgrader = new WebSocketServer({
    noServer: true,
    perMessageDeflate: { ...terms, threshold: 0 },
  });
  // Its `extensions` are names without parameters.
  let extensions = "";
  upgrader.on("headers", (lines) => {
    const line = lines.find((line) => line.startsWith(EXTENSIONS)) ?? "";
    extensions = line.slice(EXTENSIONS.length);
  });
  upgrader.handleUpgrade(request, socket, head, (opened) => {
    attach(opened, id);
    tell({ id, event: "open", extensions });
  });
});
server.listen(0, "127.0.0.1", () => {
  tell({ event: "ready", plain: (server.address() as AddressInfo).port });
});

obey(({ id, url }) => {
  const { terms } = readTerms(url);
  const socket = new WebSocket(url, { perMessageDeflate: { ...terms, threshold: 0 } });
  socket.on("error", () => tell({ id, event: "failed" }));
  let extensions: string | string[] | undefined;
  socket.on("upgrade", ({ headers }) => extensions = headers["sec-websocket-extensions"]);
  socket.on("open", () => {
    attach(socket, id);
    tell({ id, event: "open", extensions });
  });
});
