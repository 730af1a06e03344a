/**
 * What the client's opening handshakes over HTTP/1.1 and HTTP/2 have in common: how they end, by the
 * states of `protocol/opening.ts`.
 *
 * @module
 */
import { HandshakeError, TransportError } from "../errors.ts";
import { quote } from "../handshake/grammar.ts";
import type { Agreement, AnswerHead } from "../handshake/client_response.ts";
import type { Transport, TransportSink } from "../link/transport.ts";
import {
  afterClientOpeningEvent,
  type ClientOpeningEvent,
  type ClientOpeningState,
} from "../protocol/opening.ts";
import { isInstance } from "../thrown.ts";
import { RefusalBody } from "./refusal_body.ts";

const EMPTY = /* @__PURE__ */ new Uint8Array(0);

/** What the server agreed to, and the bytes that came right behind its answer. */
export interface OpenedHandshake extends Agreement {
  /** The answer. */
  head: AnswerHead;
  /** The connection's first bytes. */
  rest: Uint8Array;
}

/** How an opening handshake ends: one of the two is called, once. */
export interface ClientOpeningEvents {
  /**
   * Called in the pass in which the answer came, so that nothing is missed by starting the
   * transport here.
   */
  onOpen(transport: Transport, opened: OpenedHandshake): void;
  /** Called when the server has refused, or its answer is invalid, or none came. */
  onFailed(error: unknown): void;
}

/** One opening handshake on a transport. */
export abstract class ClientOpening implements TransportSink {
  protected readonly transport: Transport;
  readonly #events: ClientOpeningEvents;
  #state: ClientOpeningState = "waiting";
  /** In the state "refused". */
  #refusal: { error: HandshakeError; body: RefusalBody } | undefined;

  constructor(transport: Transport, events: ClientOpeningEvents) {
    this.transport = transport;
    this.#events = events;
  }

  /** Where the handshake stands. */
  get state(): ClientOpeningState {
    return this.#state;
  }

  /** Fails the handshake with this error. */
  fail(error: unknown): void {
    if (!this.#move("fail")) return;
    this.transport.close();
    this.#events.onFailed(error);
  }

  /** No more will come: fails with the server's refusal as far as it came, or else with this error. */
  end(error: unknown): void {
    if (this.#refusal === undefined) return this.fail(error);
    const { error: { code, message, status, headers }, body: { bytes: body } } = this.#refusal;
    const details = { status, headers, body, received: true };
    const said = shortText(new HandshakeError(code, message, details).text);
    this.fail(new HandshakeError(code, message + said, details));
  }

  /** @internal From the transport: bytes, of the body of a refusal. */
  onData(chunk: Uint8Array): void {
    if (this.#state === "refused" && this.#refusal!.body.push(chunk)) this.end(undefined);
  }

  /** @internal */
  onDrain(): void {}

  /** @internal From the transport: the peer's end. */
  onEnd(): void {
    this.end(this.#endedEarly());
  }

  /** @internal From the transport: it has closed. */
  onClose(error?: Error): void {
    const isReset = isInstance(error, TransportError) && error.code === "CONNECTION_RESET";
    this.end(isReset ? this.#brokenOff(error) : error ?? this.#endedEarly());
  }

  /** Returns what an answer that accepts agrees to; throws a HandshakeError with code STATUS for another. */
  protected abstract check(head: AnswerHead): Agreement;

  /** Whether the body of a refusal is read. */
  protected wantsBody(_head: AnswerHead): boolean {
    return true;
  }

  /** Called with the head of the answer, and the bytes that came right behind it. */
  protected onAnswer(head: AnswerHead, rest: Uint8Array = EMPTY): void {
    let agreement: Agreement;
    try {
      agreement = this.check(head);
    } catch (error) {
      if (!isInstance(error, HandshakeError) || error.code !== "STATUS") return this.fail(error);
      if (!this.#move("refuse")) return;
      this.#refusal = { error, body: new RefusalBody(head) };
      return this.wantsBody(head) ? this.onData(rest) : this.end(undefined);
    }
    if (this.#move("accept")) this.#events.onOpen(this.transport, { ...agreement, head, rest });
  }

  #move(event: ClientOpeningEvent): boolean {
    const before = this.#state;
    this.#state = afterClientOpeningEvent(before, event);
    return this.#state !== before;
  }

  #endedEarly(): TransportError {
    return new TransportError(
      "CONNECTION_ENDED",
      "Cannot open connection: the server ended it without an answer to the handshake; " + CHECK,
    );
  }

  #brokenOff(cause: TransportError): TransportError {
    return new TransportError(
      cause.code,
      "Cannot open connection: the server reset it without an answer to the handshake; " + CHECK,
      { cause: cause.cause ?? cause },
    );
  }
}

/** What leads to a server that breaks off. */
const CHECK = "check the port and the scheme, ws or wss";

/** The longest text of a refusal that an error's message repeats. */
const MAX_SHOWN = 100;

/** Returns what a server says, for the end of an error's message: one short line, and no page. */
function shortText(text: string): string {
  const line = text.trim();
  const isShown = line !== "" && line.length <= MAX_SHOWN && !line.startsWith("<");
  return isShown ? `; the server says ${quote(line)}` : "";
}

/**
 * Resolves with what `open` makes of a handshake that succeeds; rejects when it fails, or when `signal`
 * aborts. An abort with a HandshakeError says that the time is over: a refusal counts more.
 */
export function whenOpened<Result>(
  start: (events: ClientOpeningEvents) => ClientOpening,
  open: (transport: Transport, opened: OpenedHandshake) => Result,
  signal: AbortSignal,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const abort = (): void =>
      isInstance(signal.reason, HandshakeError)
        ? opening.end(signal.reason)
        : opening.fail(signal.reason);
    const opening = start({
      onOpen(transport, opened): void {
        signal.removeEventListener("abort", abort);
        resolve(open(transport, opened));
      },
      onFailed(error): void {
        signal.removeEventListener("abort", abort);
        reject(error);
      },
    });
    // It may have been aborted between the socket's opening and now.
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
