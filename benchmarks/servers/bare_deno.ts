/** Echo of bare bytes on Deno.listen, told how many to read at once: what the runtime's socket costs. */
import process from "node:process";
import { announce } from "./announce.ts";

// As small as this library's memory for a read that waits on an idle connection.
const bufferSize = Number(process.argv[2] ?? 1024);

async function echo(connection: Deno.TcpConn): Promise<void> {
  connection.setNoDelay(true);
  const buffer = new Uint8Array(bufferSize);
  using _ = connection;
  for (;;) {
    const size = await connection.read(buffer);
    if (size === null) return;
    for (let sent = 0; sent < size;) sent += await connection.write(buffer.subarray(sent, size));
  }
}

const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
announce(listener.addr.port);
for await (const connection of listener) echo(connection).catch(() => {});
