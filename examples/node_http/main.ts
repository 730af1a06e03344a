/**
 * A notepad that all who have the page open write on. The page comes from `node:http`, and so does the
 * WebSocket, with permessage-deflate: the same file on Deno, Bun and Node.
 *
 *     deno run --allow-net --allow-env --allow-read examples/node_http/main.ts
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { upgrade } from "../../lib/adapters/node/mod.ts";
import type { WebSocketConnection } from "../../mod.ts";

const page = await readFile(new URL("page.html", import.meta.url));
const pads = new Set<WebSocketConnection>();
let text = "Write here.";

const server = createServer((request, response) => {
  if (request.url === "/") {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page);
  } else response.writeHead(404).end("There is nothing here\n");
});

server.on("upgrade", (request, socket, head) => {
  upgrade(request, socket, head, {
    perMessageDeflate: true,
    maxMessageSize: 64 * 1024,
    handshake: ({ url }) =>
      new URL(url).pathname === "/pad" ? undefined : new Response(null, { status: 404 }),
    websocket: {
      open(pad) {
        pads.add(pad);
        pad.send(text);
      },
      message(pad, data) {
        if (typeof data !== "string") return pad.close({ closeCode: 1003 });
        text = data;
        for (const other of pads) if (other !== pad) other.send(text);
      },
      close: (pad) => void pads.delete(pad),
    },
  });
});

server.listen(Number(process.env.PORT ?? 8080), () => {
  const { port } = server.address() as AddressInfo;
  console.log(`Notepad on http://localhost:${port}/`);
});

// node:http waits for all connections, those too that a browser keeps for later, and knows no WebSockets.
process.once("SIGINT", async () => {
  server.close();
  await Promise.all(Array.from(pads, (pad) => {
    pad.close({ closeCode: 1001 });
    return pad.closed;
  }));
  server.closeAllConnections();
});
