/** The transport over a stream of node:http2. */
import assert from "node:assert/strict";
import http2, { type ClientHttp2Session, type ServerHttp2Stream } from "node:http2";
import { describe, it } from "node:test";
import type { Transport } from "../../lib/link/transport.ts";
import { TransportError } from "../../lib/errors.ts";
import { fromHttp2Stream } from "../../lib/transport/http2.ts";
import { ca, cert, key } from "../certificates/mod.ts";
import { End, type OpenPair, transportSuite } from "./suite.ts";

/** The same, and the session that they share. */
interface Http2Pair extends OpenPair {
  session: ClientHttp2Session;
}

async function openPair(kind: "tcp" | "tls"): Promise<Http2Pair> {
  const settings = { enableConnectProtocol: true };
  const server = kind === "tls"
    ? http2.createSecureServer({ cert, key, settings })
    : http2.createServer({ settings });
  const accepted = Promise.withResolvers<Transport>();
  server.on("stream", (stream: ServerHttp2Stream) => {
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
    session,
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

describe("transport over node:http2", () => {
  it("a session that dies is no orderly end, on either side", { timeout: 60_000 }, async () => {
    const { session, dispose, ...pair } = await openPair("tcp");
    const ends = [new End(pair.client).start(), new End(pair.server).start()];
    pair.client.write(Uint8Array.of(0));
    await ends[1].until("1 byte", () => ends[1].received === 1);
    session.destroy();
    for (const end of ends) {
      await end.untilClosed();
      assert.equal(end.ended, false);
      assert.ok(end.error instanceof TransportError, String(end.error));
      assert.equal(end.error.code, "CONNECTION_RESET");
      end.check();
    }
    await dispose();
  });

  it("an end that came with the request, or before the transport, is reported at once", {
    timeout: 60_000,
  }, async () => {
    for (const late of ["sink", "transport"]) {
      const server = http2.createServer({ settings: { enableConnectProtocol: true } });
      const accepted = Promise.withResolvers<End>();
      server.on("stream", (stream: ServerHttp2Stream) => {
        stream.resume(); // or Node does not tell of the end before somebody reads
        stream.respond({ ":status": 200 });
        const early = late === "sink" ? fromHttp2Stream(stream) : undefined;
        stream.once("end", () => {
          setTimeout(() => accepted.resolve(new End(early ?? fromHttp2Stream(stream)).start()), 0);
        });
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as { port: number };
      const session = http2.connect(`http://127.0.0.1:${port}`);
      await new Promise((resolve) => session.once("remoteSettings", resolve));
      session.request({
        ":method": "CONNECT",
        ":protocol": "websocket",
        ":scheme": "http",
        ":path": "/",
        ":authority": "localhost",
      }, { endStream: true }).on("error", () => {});
      const end = await accepted.promise;
      await end.until("the end", () => end.ended);
      end.drop();
      await end.untilClosed();
      session.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
  });
});
