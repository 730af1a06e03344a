/**
 * The client's side of the opening handshake on one transport (RFC 6455 section 4.1): sends the
 * request and reads the answer.
 *
 * @module
 */
import type { Transport, TransportSink } from "../link/transport.ts";
import { HandshakeError, TransportError } from "../errors.ts";
import { type Agreement, checkResponse, type ClientOffer } from "../handshake/client_response.ts";
import type { ResponseHead } from "../handshake/head.ts";
import { HeadReader } from "../handshake/head_reader.ts";
import { RefusalBody } from "./refusal_body.ts";

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
}

/** What the server agreed to, and the bytes that came right behind its answer. */
export interface OpenedHandshake extends Agreement {
  /** The connection's first bytes. */
  rest: Uint8Array;
}

/** One handshake. `opened` is called in the pass in which the answer came, so nothing is missed. */
export class ClientHandshake implements TransportSink {
  readonly #transport: Transport;
  readonly #init: ClientHandshakeInit;
  readonly #opened: (handshake: OpenedHandshake) => void;
  readonly #failed: (error: unknown) => void;
  readonly #reader: HeadReader<"response">;
  #refusal: ResponseHead | undefined;
  #body: RefusalBody | undefined;
  #settled = false;

  /** Sends the request. */
  constructor(
    transport: Transport,
    init: ClientHandshakeInit,
    events: { opened(handshake: OpenedHandshake): void; failed(error: unknown): void },
  ) {
    this.#transport = transport;
    this.#init = init;
    this.#opened = events.opened;
    this.#failed = events.failed;
    const { maxHeaderSize, maxHeaders } = init;
    this.#reader = new HeadReader({ kind: "response", maxHeaderSize, maxHeaders });
    transport.start(this);
    transport.write(init.request);
  }

  /** Fails the handshake with this error. */
  fail(error: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#transport.close();
    this.#failed(error);
  }

  /** The time is over: a server that has refused is quoted as far as it came. */
  late(error: unknown): void {
    if (this.#refusal !== undefined) this.#refuse(this.#refusal);
    else this.fail(error);
  }

  /** @internal Bytes, from the transport. */
  onData(chunk: Uint8Array): void {
    if (this.#settled) return;
    if (this.#refusal !== undefined) {
      if (this.#body?.push(chunk)) this.#refuse(this.#refusal);
      return;
    }
    try {
      const used = this.#reader.push(chunk);
      const head = this.#reader.head;
      if (head === undefined) return;
      const rest = chunk.subarray(used);
      if (head.status !== 101) {
        this.#refusal = head;
        this.#body = new RefusalBody(head);
        if (this.#body.push(rest)) this.#refuse(head);
        return;
      }
      const agreement = checkResponse(head, this.#init.offer);
      this.#settled = true;
      this.#opened({ ...agreement, rest });
    } catch (error) {
      this.fail(error);
    }
  }

  /** @internal */
  onDrain(): void {}

  /** @internal The peer's end. */
  onEnd(): void {
    if (this.#refusal !== undefined) this.#refuse(this.#refusal);
    else this.fail(this.#endedEarly());
  }

  /** @internal The transport's end. */
  onClose(error?: Error): void {
    if (this.#refusal !== undefined) this.#refuse(this.#refusal);
    else this.fail(error ?? this.#endedEarly());
  }

  #refuse(head: ResponseHead): void {
    try {
      checkResponse(head, this.#init.offer);
    } catch (error) {
      if (!(error instanceof HandshakeError)) return this.fail(error);
      const { code, message, status, headers } = error;
      const body = this.#body?.bytes;
      const details = { status, headers, received: true, ...(body && { body }) };
      this.fail(new HandshakeError(code, message, details));
    }
  }

  #endedEarly(): TransportError {
    return new TransportError(
      "CONNECTION_ENDED",
      "Cannot open connection: the server ended it without an answer to the handshake",
    );
  }
}
