/**
 * The client's side of the opening handshake on one stream of an HTTP/2 session (RFC 8441 section 5):
 * reads the answer to an extended CONNECT that is under way.
 *
 * @module
 */
import type { Agreement, AnswerHead, ClientTerms } from "../handshake/client_response.ts";
import { checkConnectAnswer, type Http2Headers, readAnswer } from "../handshake/http2.ts";
import type { Http2Stream } from "../transport/http2_api.ts";
import { fromHttp2Stream } from "../transport/http2.ts";
import { ClientOpening, type ClientOpeningEvents } from "./opening.ts";

/** One handshake over HTTP/2. */
export class Http2Handshake extends ClientOpening {
  readonly #terms: ClientTerms;

  /** Waits for the answer. */
  constructor(stream: Http2Stream, terms: ClientTerms, events: ClientOpeningEvents) {
    const transport = fromHttp2Stream(stream);
    super(transport, events);
    this.#terms = terms;
    transport.start(this);
    // Until the answer is here: Deno may report data before the answer that precedes them.
    transport.pause();
    stream.on("response", (headers: Http2Headers) => this.#onResponse(headers));
  }

  /** Fails with a refusal in an orderly way: nothing is wrong with the stream. */
  override end(error: unknown): void {
    if (this.state === "refused") this.transport.closeWrite();
    super.end(error);
  }

  protected override check(head: AnswerHead): Agreement {
    return checkConnectAnswer(head, this.#terms);
  }

  #onResponse(headers: Http2Headers): void {
    if (this.state !== "waiting") return;
    // Before the connection is open, whose user may pause it again at once.
    this.transport.resume();
    this.onAnswer(readAnswer(headers));
  }
}
