/**
 * The way through an HTTP proxy: CONNECT (RFC 9110 section 9.3.6), for ws: and wss: alike.
 *
 * @module
 */
import { basicCredentials } from "../../handshake/client.ts";
import { HeadReader } from "../../handshake/head_reader.ts";
import type { ResponseHead } from "../../handshake/head.ts";
import { writeRequestHead } from "../../handshake/head_writer.ts";
import { isInstance } from "../../thrown.ts";
import { HandshakeError } from "../../errors.ts";
import { RefusalBody } from "../refusal_body.ts";
import { proxyError, refusedError } from "./errors.ts";
import type { ProxyReader, TunnelInit } from "./proxy_reader.ts";

/** Asks for the way to the target. Rejects with a HandshakeError if the proxy refuses, or answers nonsense. */
export async function openHttpTunnel(
  proxy: ProxyReader,
  { hostname, port, user, maxHeaderSize, maxHeaders }: TunnelInit,
): Promise<void> {
  const host = `${hostname}:${port}`;
  const headers: [string, string][] = [["Host", host]];
  if (user !== undefined) {
    headers.push(["Proxy-Authorization", basicCredentials(user.name, user.password)]);
  }
  proxy.write(writeRequestHead({ method: "CONNECT", target: host, headers }));
  const reader = new HeadReader({ kind: "response", maxHeaderSize, maxHeaders });
  let rest: Uint8Array = new Uint8Array(0);
  while (reader.head === undefined) {
    const chunk = await proxy.read();
    try {
      rest = chunk.subarray(reader.push(chunk));
    } catch (error) {
      if (!isInstance(error, HandshakeError)) throw error;
      throw proxyError(`it does not answer as an HTTP proxy (${error.message})`, { cause: error });
    }
  }
  const { head } = reader;
  if (head.status < 200 || head.status > 299) throw await refusal(head, rest, proxy);
  // Neither TLS nor the opening handshake begins at the server's end.
  if (rest.length > 0 || proxy.hasMore) {
    throw proxyError("bytes came behind its answer, before anything was sent to the server");
  }
}

async function refusal(
  head: ResponseHead,
  rest: Uint8Array,
  proxy: ProxyReader,
): Promise<HandshakeError> {
  const { status, statusText } = head, body = new RefusalBody(head);
  try {
    let isComplete = body.push(rest);
    while (!isComplete) isComplete = body.push(await proxy.read());
  } catch {
    // As far as it came.
  }
  const headers = new Headers([...head.headers]);
  const answer = { status, headers, body: body.bytes };
  const said = `it answered ${status}${statusText && ` ${statusText}`}`;
  if (status === 407 || status === 401) {
    return refusedError(
      "PROXY_AUTHENTICATION",
      `${said}; give the user and password that it wants in its URL (http://user:password@host:port)`,
      answer,
    );
  }
  const advice = status === 403
    ? "; it does not allow this host or port"
    : status >= 500
    ? "; it cannot reach the server, or does not want to"
    : "";
  return refusedError("PROXY_REFUSED", said + advice, answer);
}
