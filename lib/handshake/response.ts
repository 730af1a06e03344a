/**
 * What a client is shown of the answer that opened its connection.
 *
 * @module
 */
import { HeaderLines, type ResponseHead } from "./head.ts";

/** What a server answered to a client's handshake. */
export interface HandshakeResponse {
  /** The status: 101, or 200 over HTTP/2. */
  readonly status: number;
  /** The reason phrase. */
  readonly statusText: string;
  /** The headers; `getSetCookie()` has each cookie. */
  readonly headers: Headers;
}

/** Returns an answer as one string, which takes far less memory than its parts. */
export function packResponse(
  { status, statusText, headers }: Pick<ResponseHead, "status" | "statusText" | "headers">,
): string {
  return [status, statusText, ...[...headers].flat()].join("\n");
}

/** Returns the answer that was packed. */
export function unpackResponse(packed: string): HandshakeResponse {
  const [status, statusText, ...parts] = packed.split("\n"), headers = new HeaderLines();
  for (let at = 0; at < parts.length; at += 2) headers.append(parts[at], parts[at + 1]);
  return { status: Number(status), statusText, headers: headers.toHeaders() };
}
