/**
 * What observes all clients of this program.
 *
 * @module
 */
import { type HandshakeHeads, type RequestInfo, Watchers } from "../connection/watcher.ts";
import { HandshakeError, TransportError } from "../errors.ts";
import type { AnswerHead } from "../handshake/client_response.ts";
import { HeadReader } from "../handshake/head_reader.ts";
import type { Http2Headers } from "../handshake/http2.ts";
import { isInstance } from "../thrown.ts";
