/**
 * What the adapter for `Deno.serve` makes of the runtime's Request.
 *
 * @module
 */
import type { TransportAddress } from "../link/transport.ts";
import { HeaderLines, type RequestHead } from "../handshake/head.ts";
import { toRequest, type WebSocketRequest } from "../handshake/server.ts";

/** What `Deno.serve` tells of a request: the second argument of its handler. */
export interface ServeInfo {
  /** Who asks. */
  readonly remoteAddr: {
    readonly transport: string;
    readonly hostname?: string;
    readonly port?: number;
    readonly path?: string | null;
  };
}

/** Returns the peer's address. */
export function addressOf(info: ServeInfo | undefined): TransportAddress | undefined {
  const { transport, hostname = "", port = 0, path } = info?.remoteAddr ?? {};
  if (transport === "tcp") return { transport, hostname, port };
  return transport === "unix" ? { transport, hostname: path ?? "", port: 0 } : undefined;
}

/**
 * Returns the head of a request, with the URL as its target: the URL is the Host and the path joined
 * as text or, if the target was absolute, that target as it was sent, and nothing tells which.
 */
export function headOf({ method, url, headers: given }: Request): RequestHead {
  const headers = new HeaderLines(given);
  // HTTP/2 has an authority in place of Host, and no Upgrade.
  if (headers.get("host") === undefined && headers.get("upgrade") === undefined) {
    const start = url.indexOf("://") + 3;
    headers.append("host", url.slice(start, url.indexOf("/", start)));
  }
  return { method, target: url, headers };
}

/** Returns whether TLS protects the connection, as far as the URL tells. */
export function isSecure({ url }: Request): boolean {
  const scheme = url.slice(0, url.indexOf(":")).toLowerCase();
  return scheme === "https" || scheme === "wss";
}

/**
 * Returns the runtime's request, or one in its place if that has another host in Host than in its URL,
 * or a URL with the scheme `ws`: what users see of a request must have one host.
 */
export function validatedRequest(request: Request, validated: WebSocketRequest): Request {
  const same = request.headers.get("host") === validated.headers.get("host");
  return same && request.url.startsWith("http") ? request : toRequest(validated, request.signal);
}
