/** Echo on Deno's own WebSocket server, told after how many seconds of silence it drops a peer. */
import process from "node:process";
import { announce } from "./announce.ts";

const idleTimeout = Number(process.argv[2] ?? 0);
Deno.serve(
  { port: 0, hostname: "127.0.0.1", onListen: ({ port }) => announce(port) },
  (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout });
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => socket.send(data);
    return response;
  },
);
