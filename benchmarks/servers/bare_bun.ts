/** Echo of bare bytes on Bun.listen: what the runtime's own socket costs. */
import { announce } from "./announce.ts";
import { bun, type BunSocket } from "./bun.ts";

/** Writes `chunk`, and keeps what the system did not take. */
function write(socket: BunSocket, chunk: Uint8Array): void {
  const taken = Math.max(0, socket.write(chunk));
  if (taken < chunk.length) socket.data.push(chunk.slice(taken));
}

const server = bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open: (socket) => socket.data = [],
    data: (socket, chunk) => {
      if (socket.data.length === 0) write(socket, chunk);
      else socket.data.push(chunk.slice());
    },
    drain: (socket) => {
      const held = socket.data;
      socket.data = [];
      for (const chunk of held) {
        if (socket.data.length === 0) write(socket, chunk);
        else socket.data.push(chunk);
      }
    },
  },
});
announce(server.port);
