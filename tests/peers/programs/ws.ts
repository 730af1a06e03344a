/** The `ws` package, as a server and as a client. */
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { answer, obey, readTarget, tell, tls } from "./peer.ts";

interface Socket {
  readonly protocol: string;
  send(data: string | ArrayBuffer | Uint8Array, options?: { fin: boolean }): void;
  close(code?: number, reason?: string): void;
  ping(payload: string): void;
  on(event: "open" | "error", listener: () => void): void;
  on(event: "message", listener: (data: Uint8Array<ArrayBuffer>, isBinary: boolean) => void): void;
  on(event: "pong", listener: (payload: Uint8Array) => void): void;
  on(event: "close", listener: (code: number, reason: Uint8Array) => void): void;
  on(event: "unexpected-response", listener: (_: unknown, answer: IncomingMessage) => void): void;
}

interface Server {
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Uint8Array,
    done: (socket: Socket) => void,
  ): void;
}

interface Ws {
  WebSocket: new (url: string, protocols: string[]) => Socket;
  WebSocketServer: new (
    options: {
      noServer: boolean;
      handleProtocols(protocols: Set<string>): string | false;
    },
  ) => Server;
}

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
  socket.on("pong", (payload) => {
    const answered = text.decode(payload);
    if (answered !== "between fragments") socket.send(`pong ${answered}`);
  });
  socket.on("close", (code, reason) => {
    tell({ id, event: "closed", code, reason: text.decode(reason) });
  });
}

const server = new WebSocketServer({
  noServer: true,
  handleProtocols: (protocols) => protocols.has("chat.2") && "chat.2",
});
const refuse: RequestListener = (request, response) => {
  const { refuse } = readTarget(request.url ?? "");
  response.writeHead(refuse).end(`refused with ${refuse}`);
};
const plain = createServer(refuse);
const secure = createSecureServer(tls, refuse);
for (const http of [plain, secure]) {
  http.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Uint8Array) => {
    const { id, refuse } = readTarget(request.url ?? "");
    if (refuse > 0) {
      const body = `refused with ${refuse}`;
      socket.end(`HTTP/1.1 ${refuse} No\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      return;
    }
    server.handleUpgrade(request, socket, head, (opened) => {
      attach(opened, id);
      tell({ id, event: "open", protocol: opened.protocol });
    });
  });
}
plain.listen(0, "127.0.0.1", () => {
  secure.listen(0, "127.0.0.1", () => {
    const [first, second] = [plain.address(), secure.address()] as AddressInfo[];
    tell({ event: "ready", plain: first.port, secure: second.port });
  });
});

obey(({ id, url, protocols }) => {
  const socket = new WebSocket(url, protocols);
  socket.on("error", () => {}); // `close` follows
  socket.on("unexpected-response", (_, answer) => {
    tell({ id, event: "failed", status: answer.statusCode });
    answer.destroy();
  });
  socket.on("open", () => {
    attach(socket, id);
    tell({ id, event: "open", protocol: socket.protocol });
  });
});
