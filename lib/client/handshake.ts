/**
 * The client's side of the opening handshake on one transport (RFC 6455 section 4.1): sends the
 * request and reads the answer.
 *
 * @module
 */
import { type Agreement, checkResponse, type ClientOffer } from "../handshake/client_response.ts";
import type { ResponseHead } from "../handshake/head.ts";
import { HeadReader } from "../handshake/head_reader.ts";
import type { Transport } from "../link/transport.ts";
import { isRedirect } from "./redirect.ts";
import { ClientOpening, type ClientOpeningEvents } from "./opening.ts";

/** What to send, and what to expect. */
export interface ClientHandshakeInit {
  /** The bytes of the request. */
  request: Uint8Array<ArrayBuffer>;
  /** The key, subprotocols and extensions in it. */
  offer: ClientOffer;
  /** The longest response head, in bytes. */
  maxHeaderSize: number;
  /** The most header lines. */
  maxHeaders: number;
  /** Whether a redirect is followed: its body is then not waited for. @default {false} */
  followsRedirects?: boolean;
}

/** One handshake over HTTP/1.1. */
export class ClientHandshake extends ClientOpening {
  readonly #offer: ClientOffer;
  readonly #reader: HeadReader<"response">;
  readonly #followsRedirects: boolean;

  /** Sends the request. */
  constructor(transport: Transport, init: ClientHandshakeInit, events: ClientOpeningEvents) {
    super(transport, events);
    const { request, offer, maxHeaderSize, maxHeaders } = init;
    this.#offer = offer;
    this.#followsRedirects = init.followsRedirects ?? false;
    this.#reader = new HeadReader({ kind: "response", maxHeaderSize, maxHeaders });
    transport.start(this);
    transport.resume(); // who has talked to a proxy on it has paused it
    transport.write(request);
  }

  /** @internal From the transport: bytes. */
  override onData(chunk: Uint8Array): void {
    if (this.state !== "waiting") return super.onData(chunk);
    let used: number;
    try {
      used = this.#reader.push(chunk);
    } catch (error) {
      return this.fail(error);
    }
    const { head } = this.#reader;
    if (head !== undefined) this.onAnswer(head, chunk.subarray(used));
  }

  protected override wantsBody({ status }: ResponseHead): boolean {
    return !(this.#followsRedirects && isRedirect(status));
  }

  protected override check(head: ResponseHead): Agreement {
    return checkResponse(head, this.#offer);
  }
}
