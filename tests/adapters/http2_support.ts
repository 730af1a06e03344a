/** Servers and sessions of node:http2 on this machine, for the tests of what runs over them. */
import http2 from "node:http2";
import type { ClientHttp2Session, ServerHttp2Stream } from "node:http2";
import type { IncomingHttpHeaders } from "node:http";
import { ca, cert, key } from "../certificates/mod.ts";

/** What a server does with its streams. */
export type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** A server, and a way to reach it. */
export interface Http2Rig extends AsyncDisposable {
  readonly port: number;
  /** Its URL: ws or wss. */
  readonly url: string;
  /** The server's ends of the sessions. */
  readonly sessions: ReadonlySet<http2.ServerHttp2Session>;
  /** A session with it; ended with the rig. */
  open(options?: http2.ClientSessionOptions): ClientHttp2Session;
}

/** How it is set up. */
export interface Http2RigOptions {
  secure?: boolean;
  /** Whether it allows extended CONNECT. @default {true} */
  enabled?: boolean;
  /** The address that it is bound to. @default {"127.0.0.1"} */
  hostname?: string;
}

/** Starts a server. */
export async function http2Rig(
  onStream: OnStream,
  { secure = false, enabled = true, hostname = "127.0.0.1" }: Http2RigOptions = {},
): Promise<Http2Rig> {
  const settings = { enableConnectProtocol: enabled };
  const server = secure
    ? http2.createSecureServer({ cert, key, settings })
    : http2.createServer({ settings });
  const sessions = new Set<http2.ServerHttp2Session>();
  const clients = new Set<ClientHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {}); // of a test that breaks it
    session.on("close", () => sessions.delete(session));
  });
  server.on("stream", onStream);
  await new Promise<void>((resolve) => server.listen(0, hostname, resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    port,
    url: `${secure ? "wss" : "ws"}://localhost:${port}`,
    sessions,
    open(options = {}): ClientHttp2Session {
      const session = http2.connect(
        `${secure ? "https" : "http"}://localhost:${port}`,
        { ca, ...options },
      );
      session.on("error", () => {});
      clients.add(session);
      return session;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      for (const session of clients) session.destroy();
      for (const session of sessions) session.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** The header list of a request that breaks no rule, with other fields in place of its own. */
export function connectHeaders(
  port: number,
  fields: Record<string, string | string[] | undefined> = {},
): Record<string, string | string[]> {
  const headers = {
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":scheme": "http",
    ":path": "/chat?room=1",
    ":authority": `localhost:${port}`,
    "sec-websocket-version": "13",
    ...fields,
  };
  return Object.fromEntries(
    Object.entries(headers).filter(([, value]) => value !== undefined),
  ) as Record<string, string | string[]>;
}
