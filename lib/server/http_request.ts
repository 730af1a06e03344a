/**
 * Requests that ask for no WebSocket: handed to the user's `fetch`.
 *
 * @module
 */
import { HandshakeError } from "../errors.ts";
import type { RequestHead } from "../handshake/head.ts";
import { checkHost, type HostPolicy } from "../handshake/host.ts";
import { readTarget } from "../handshake/server.ts";

/** What a plain request came over. */
export interface HttpRequestContext {
  /** Whether TLS protects the connection. */
  secure: boolean;
  /** Whether the server can only be reached from this machine. */
  boundToLoopback: boolean;
  /** Which hosts the server answers to. */
  hosts: HostPolicy | undefined;
  /** Aborted when the client goes away. */
  signal: AbortSignal;
}

/**
 * The platform's request object.
 *
 * @throws {HandshakeError} 405 for another method than GET and HEAD, 400 for a body, or a target
 * or Host that is not valid, 403 for a host that the server does not answer to.
 */
export function toHttpRequest(head: RequestHead, context: HttpRequestContext): Request {
  const { method, headers } = head;
  if (method !== "GET" && method !== "HEAD") {
    throw new HandshakeError("METHOD", `Cannot answer request: ${method} is not allowed here`, {
      status: 405,
      headers: new Headers({ allow: "GET, HEAD" }),
    });
  }
  const lengths = headers.getAll("content-length");
  if (headers.get("transfer-encoding") !== undefined || lengths.some((length) => length !== "0")) {
    throw new HandshakeError("REQUEST_BODY", "Cannot answer request: it must not have a body", {
      status: 400,
    });
  }
  const { url, host } = readTarget(head, context);
  checkHost(host, context);
  return new Request(url, {
    method,
    headers: headers.toHeaders(),
    signal: context.signal,
  });
}
