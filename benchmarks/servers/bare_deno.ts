/** Echo of bare bytes on Deno.listen: what the runtime's own socket costs. */
import { announce } from "./announce.ts";

async function echo(connection: Deno.TcpConn): Promise<void> {
  connection.setNoDelay(true);
  // Memory for a read that waits, as small as this library's on an idle connection.
  const buffer = new Uint8Array(1024);
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
