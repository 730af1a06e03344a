/**
 * The errors of proxies: each says what to do.
 *
 * @module
 */
import { HandshakeError, type HandshakeErrorCode } from "../../errors.ts";

/** What a proxy has answered. */
export interface ProxyAnswer {
  status: number;
  headers: Headers;
  body: Uint8Array<ArrayBuffer>;
}

/** Returns the error for a proxy that does not do as its protocol says. */
export function proxyError(reason: string, { cause }: { cause?: unknown } = {}): HandshakeError {
  return new HandshakeError(
    "PROXY_FAILED",
    `Cannot connect through the proxy: ${reason}`,
    { status: 0, ...cause !== undefined && { cause } },
  );
}

/** Returns the error for a proxy that refuses; `answer` is what an HTTP proxy said. */
export function refusedError(
  code: HandshakeErrorCode & ("PROXY_REFUSED" | "PROXY_AUTHENTICATION"),
  reason: string,
  answer?: ProxyAnswer,
): HandshakeError {
  return new HandshakeError(
    code,
    `Cannot connect through the proxy: ${reason}`,
    { status: 0, ...answer && { ...answer, received: true } },
  );
}
