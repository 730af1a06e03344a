/** Echo of bare bytes on a socket that node:http has upgraded: what such a socket costs. */
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { announce } from "./announce.ts";

const server = createServer();
server.on("upgrade", (_request, socket: Socket) => {
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.on("end", () => socket.end());
  socket.on("data", (chunk) => socket.write(chunk));
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
  );
});
server.listen(0, "127.0.0.1", () => announce((server.address() as AddressInfo).port));
