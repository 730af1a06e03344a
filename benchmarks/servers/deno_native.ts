/** Echo on Deno's own WebSocket server. */
import { announce } from "./announce.ts";

Deno.serve(
  { port: 0, hostname: "127.0.0.1", onListen: ({ port }) => announce(port) },
  (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => socket.send(data);
    return response;
  },
);
