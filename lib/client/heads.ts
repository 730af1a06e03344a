/**
 * What those that observe clients are shown of an opening handshake.
 *
 * @module
 */
import type { HandshakeHeads, RequestInfo } from "../connection/watcher.ts";
import type { AnswerHead } from "../handshake/client_response.ts";
import { readHead } from "../handshake/head_reader.ts";
import { type Http2Headers, readConnectRequest } from "../handshake/http2.ts";

/** The request of a client's opening handshake: the bytes of HTTP/1.1, or the headers of HTTP/2. */
export type SentRequest = Uint8Array | Http2Headers;

/** Returns both heads of a handshake that was accepted. */
export function clientHeads(sent: SentRequest, answer: AnswerHead): HandshakeHeads {
  const { status, statusText, headers } = answer;
  return { request: readSentRequest(sent), response: { status, statusText, headers } };
}

function readSentRequest(sent: SentRequest): RequestInfo {
  return sent instanceof Uint8Array
    ? { ...readHead("request", sent), httpVersion: "HTTP/1.1" }
    : { ...readConnectRequest(sent), httpVersion: "HTTP/2" };
}
