/** Listens and connects, over TCP or a Unix socket, and prints what came of it. */
import { connect, TransportError } from "../../../mod.ts";
import { listen } from "../../../lib/server/mod.ts";

const [kind, path] = Deno.args;
const where = path === undefined ? { hostname: "127.0.0.1", port: 0 } : { path };
try {
  const server = await listen({
    ...where,
    websocket: { open: (connection) => void connection.send(`Hello from ${kind}`) },
  });
  const connection = path === undefined
    ? await connect(`ws://127.0.0.1:${server.address.port}`)
    : await connect("ws://localhost", { path });
  console.log(await connection.receive());
  connection.close();
  await connection.closed;
  await server.shutdown();
} catch (error) {
  if (!(error instanceof TransportError)) throw error;
  console.log(error.code, error.message);
}
