/**
 * The client's side of the opening handshake on one stream of an HTTP/2 session (RFC 8441 section 5):
 * reads the answer to an extended CONNECT that is under way.
 *
 * @module
 */
import type { Transport, TransportSink } from "../link/transport.ts";
import { HandshakeError, TransportError } from "../errors.ts";
import type { Agreement, ClientTerms } from "../handshake/client_response.ts";
import { checkConnectAnswer, type Http2Headers, readAnswer } from "../handshake/http2.ts";
import type { Http2Stream } from "../transport/http2_api.ts";
import { fromHttp2Stream } from "../transport/http2.ts";
import { RefusalBody } from "./refusal_body.ts";

/** How it ends. */
export interface Http2HandshakeEvents {
  /**
   * Called in the pass in which the answer came, so that nothing is missed by starting the
   * transport here.
   */
  onOpen(transport: Transport, agreement: Agreement): void;
  onFailed(error: unknown): void;
}

/** One handshake. */
export class Http2Handshake implements TransportSink {
  readonly #transport: Transport;
  readonly #terms: ClientTerms;
  readonly #events: Http2HandshakeEvents;
  #refusal: { error: HandshakeError; body: RefusalBody } | undefined;
  #settled = false;

  /** Waits for the answer. */
  constructor(stream: Http2Stream, terms: ClientTerms, events: Http2HandshakeEvents) {
    this.#terms = terms;
    this.#events = events;
    this.#transport = fromHttp2Stream(stream);
    this.#transport.start(this);
    // Until the answer is here: Deno may report data before the answer that precedes them.
    this.#transport.pause();
    stream.on("response", (headers: Http2Headers) => this.#answered(headers));
  }

  /** Fails the handshake with this error. */
  fail(error: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#transport.close();
    this.#events.onFailed(error);
  }

  /** The time is over: a server that has refused is quoted as far as it came. */
  late(error: unknown): void {
    if (!this.#refused()) this.fail(error);
  }

  /** @internal The body of a refusal. */
  onData(chunk: Uint8Array): void {
    if (this.#refusal?.body.push(chunk)) this.#refused();
  }

  /** @internal */
  onDrain(): void {}

  /** @internal The server's end. */
  onEnd(): void {
    this.late(this.#endedEarly());
  }

  /** @internal The stream's end. */
  onClose(error?: Error): void {
    this.late(error ?? this.#endedEarly());
  }

  #answered(headers: Http2Headers): void {
    if (this.#settled) return;
    const head = readAnswer(headers);
    // Before the connection is open, whose user may pause it again at once.
    this.#transport.resume();
    try {
      const agreement = checkConnectAnswer(head, this.#terms);
      this.#settled = true;
      this.#events.onOpen(this.#transport, agreement);
    } catch (error) {
      if (!(error instanceof HandshakeError) || error.code !== "STATUS") return this.fail(error);
      this.#refusal = { error, body: new RefusalBody(head) };
    }
  }

  /** Fails with a refusal, if that has come. */
  #refused(): boolean {
    if (this.#refusal === undefined) return false;
    const { error: { code, message, status, headers }, body: { bytes: body } } = this.#refusal;
    this.#transport.closeWrite(); // an orderly end: nothing is wrong with the stream
    this.fail(new HandshakeError(code, message, { status, headers, body, received: true }));
    return true;
  }

  #endedEarly(): TransportError {
    return new TransportError(
      "CONNECTION_ENDED",
      "Cannot open connection: the server ended the stream without an answer to the handshake",
    );
  }
}
