/**
 * A server of node:http2, and handshakes with it by hand: extended CONNECT (RFC 8441 section 5).
 *
 * @module
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import type { Http2Server, IncomingHttpHeaders } from "node:http2";
import { fromHttp2Stream } from "../../../lib/transport/http2.ts";
import { textOf } from "../../connection/support.ts";
import { listening, type Served } from "./endpoint.ts";
import type { Answer, Knock } from "./http.ts";
import { Wire, WirePeer, within } from "./wire.ts";

/** Has the server listen, and a session with it. */
export async function servedByHttp2(server: Http2Server): Promise<Served> {
  const port = await listening(server), host = `127.0.0.1:${port}`;
  const session = connect(`http://${host}`);
  // Before these have come, the server has not allowed it.
  await within(new Promise((resolve) => session.once("remoteSettings", resolve)), "the settings");
  return {
    origin: `http://${host}`,
    knock: (knock) => knockHttp2(session, host, knock),
    abandon(): Promise<() => void> {
      const stream = request(session, host, {});
      stream.on("error", () => {});
      return Promise.resolve(() => stream.close(constants.NGHTTP2_CANCEL));
    },
    async close(): Promise<void> {
      await new Promise<void>((resolve) => session.close(resolve));
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function request(session: ClientHttp2Session, host: string, knock: Knock): ClientHttp2Stream {
  const { host: authority = host, ...headers } = knock.headers ?? {};
  const given = Object.entries(headers).filter(([, value]) => value !== undefined);
  return session.request({
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":scheme": "http",
    ":path": knock.path ?? "/",
    ":authority": authority,
    "sec-websocket-version": "13",
    ...Object.fromEntries(given),
  });
}

async function knockHttp2(
  session: ClientHttp2Session,
  host: string,
  knock: Knock = {},
): Promise<Answer> {
  const stream = request(session, host, knock);
  const answered = Promise.withResolvers<IncomingHttpHeaders & { ":status"?: number }>();
  stream.once("response", answered.resolve);
  stream.once("error", answered.reject);
  const { ":status": status = 0, ...fields } = await within(answered.promise, "an answer");
  const headers = new Headers();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined && !name.startsWith(":")) headers.set(name, String(value));
  }
  const wire = new Wire(fromHttp2Stream(stream));
  const answer: Answer = { status, headers, body: "", port: session.socket.localPort ?? 0 };
  if (status === 200) return { ...answer, peer: new WirePeer(wire, true) };
  const body = textOf(await wire.takeAll());
  await wire.leave();
  return { ...answer, body };
}
