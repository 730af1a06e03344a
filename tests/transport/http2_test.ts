/** The transport over a stream of node:http2. */
import http2 from "node:http2";
import type { Transport } from "../../lib/connection/transport.ts";
import { fromHttp2Stream } from "../../lib/transport/http2.ts";
import { ca, cert, key } from "../certificates/mod.ts";
import { type OpenPair, transportSuite } from "./suite.ts";

async function openPair(kind: "tcp" | "tls"): Promise<OpenPair> {
  const settings = { enableConnectProtocol: true };
  const server = kind === "tls"
    ? http2.createSecureServer({ cert, key, settings })
    : http2.createServer({ settings });
  const accepted = Promise.withResolvers<Transport>();
  server.on("stream", (stream) => {
    accepted.resolve(fromHttp2Stream(stream));
    stream.respond({ ":status": 200 });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const scheme = kind === "tls" ? "https" : "http";
  const session = http2.connect(`${scheme}://127.0.0.1:${port}`, { ca });
  await new Promise((resolve) => session.once("remoteSettings", resolve));
  const stream = session.request({
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":scheme": scheme,
    ":path": "/",
    ":authority": "localhost",
  });
  await new Promise((resolve) => stream.once("response", resolve));
  return {
    client: fromHttp2Stream(stream),
    server: await accepted.promise,
    async dispose(): Promise<void> {
      session.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

for (const kind of ["tcp", "tls"] as const) {
  transportSuite({ name: `node:http2 over ${kind}`, halfClose: true, open: () => openPair(kind) });
}
