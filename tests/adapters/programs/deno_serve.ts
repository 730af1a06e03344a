/** One exchange with the adapter for Deno.serve, for a test of what Deno has to allow. */
import { upgrade } from "../../../lib/adapters/deno.ts";

await using server = Deno.serve(
  { port: 0, hostname: "127.0.0.1", onListen() {} },
  (request, info) =>
    upgrade(request, {
      info,
      websocket: { message: (connection, data) => void connection.send(`Hello ${data}`) },
    }),
);
const socket = new WebSocket(`ws://127.0.0.1:${server.addr.port}/`);
socket.onopen = () => socket.send("Ann");
console.log(await new Promise((resolve) => socket.onmessage = ({ data }) => resolve(data)));
socket.close();
await new Promise((resolve) => socket.onclose = resolve);
