/**
 * The server's side of the opening handshake on one transport (RFC 6455 section 4.2): reads the
 * request, asks the hook, answers, and hands the transport over to a connection.
 *
 * @module
 */
import type { ConnectionInit, WebSocketConnection } from "../connection/connection.ts";
import { ReadingTimer, Timers } from "../link/timers.ts";
import type { MessageData } from "../message/message.ts";
import type { AnyMessage } from "../connection/streamed_message.ts";
import type { Transport, TransportAddress, TransportSink } from "../link/transport.ts";
import type { RefusalContext } from "../connection/handlers.ts";
import type { HandshakeHeads, RequestInfo } from "../connection/watcher.ts";
import { HandshakeError, refusalFor, type TransportError } from "../errors.ts";
import { concat } from "../frame/memory.ts";
import { acceptHead, refusalBytes, refusalHead } from "../handshake/answer.ts";
import type { RequestHead } from "../handshake/head.ts";
import { HeadReader, readHead } from "../handshake/head_reader.ts";
import { isResponse, type PeerCertificate } from "../handshake/hook.ts";
import { isUpgradeRequest, readRequest, toRequest, validateRequest } from "../handshake/server.ts";
import type { UpgradeRequest } from "../handshake/server.ts";
import {
  afterOpeningEvent,
  isPending,
  type OpeningEvent,
  type OpeningState,
} from "../protocol/opening.ts";
import { isInstance, isThenable, toError } from "../thrown.ts";
import {
  faultContext,
  overdue,
  OverdueError,
  refusedByHook,
  reportFailure,
  requestContext,
} from "./failures.ts";
import { createServerConnection } from "./create_connection.ts";
import { type AcceptedUpgrade, decideUpgrade, type UpgradeDecision } from "./decision.ts";
import { toHttpRequest } from "./http_request.ts";
import type { ServerSettings } from "./options.ts";
import { cancelBody, clientLeft, ResponseSender } from "./response_sender.ts";

/** What a peer that was answered may still send before it is dropped, in bytes. */
const LINGER_SIZE = 1024 * 1024;
/** How long a peer that was answered may take to end its direction, in milliseconds. */
const LINGER_TIMEOUT = 2_000;

const EMPTY = /* @__PURE__ */ new Uint8Array(0);

/** The states of an opening handshake after its request was read, and before it is done. */
export type ServerHandshakePhase = Exclude<OpeningState, "reading" | "done">;

/** Receives the outcome of an opening handshake. */
export interface ServerHandshakeEvents<Data, Message extends AnyMessage = MessageData> {
  /** Whether the listener can only be reached from this machine. */
  readonly boundToLoopback: boolean;
  /** The connection is open; its handlers are called right after. */
  onOpen(
    opening: ServerHandshake<Data, Message>,
    connection: WebSocketConnection<Data, Message>,
  ): void;
  /** Called when the next phase begins, and in "answering" whenever the peer has taken something. */
  onPhase?(opening: ServerHandshake<Data, Message>, phase: ServerHandshakePhase): void;
  /** Called for each connection once it is closed, if given: one function for all of them. */
  readonly onClose?: ConnectionInit<Data, Message>["onClosed"];
  /** Called when it is refused, or the transport failed: before `onEnd`, and before it is reported. */
  onRefused?(
    opening: ServerHandshake<Data, Message>,
    error: HandshakeError | TransportError,
  ): void;
  /**
   * It was refused, or the peer went away; the transport is gone. `error` says why, if it is known; it
   * has been reported.
   */
  onEnd(opening: ServerHandshake<Data, Message>, error: Error | undefined): void;
}

/** One opening handshake over HTTP/1.1. */
export class ServerHandshake<Data, Message extends AnyMessage = MessageData>
  implements TransportSink {
  readonly #transport: Transport;
  readonly #settings: ServerSettings<Data, Message>;
  readonly #owner: ServerHandshakeEvents<Data, Message>;
  readonly #reader: HeadReader<"request">;
  /** Created for a hook or `fetch`, whose request is aborted when the client leaves. */
  #abort: AbortController | undefined;
  readonly #timer = new ReadingTimer(() => this.#late());
  readonly #timers: Timers;
  #state: OpeningState = "reading";
  /** Sends the Response of the hook or of `fetch`. */
  #sender: ResponseSender | undefined;
  /** What came behind the head: the connection's first bytes. */
  #rest: Uint8Array = EMPTY;
  #dropped = 0;
  #asksUpgrade = false;
  /** Why it was refused. */
  #error: Error | undefined;
  #head: RequestHead | undefined;
  /** The 101, once it was sent. */
  #answer: Uint8Array | undefined;
  /** The request as the user's code has seen it. */
  #request: Request | undefined;
  /** The context for the user's handlers. */
  readonly #context: RefusalContext;

  /** Creates the handshake; nothing happens before `start`. */
  constructor(
    transport: Transport,
    settings: ServerSettings<Data, Message>,
    owner: ServerHandshakeEvents<Data, Message>,
  ) {
    this.#transport = transport;
    this.#settings = settings;
    this.#owner = owner;
    this.#reader = new HeadReader({
      kind: "request",
      maxHeaderSize: settings.maxHeaderSize,
      maxHeaders: settings.maxHeaders,
    });
    this.#timers = Timers.of(settings.connection.clock);
    this.#context = requestContext(() => this.#seen(), transport.remoteAddress);
  }

  /** The head of the request, as far as it could be read. */
  get request(): RequestInfo | undefined {
    return this.#head && { ...this.#head, httpVersion: "HTTP/1.1" };
  }

  /** The URL that was asked for, as far as it could be read, or `""`. */
  get url(): string {
    const request = this.#seen();
    return request === undefined ? "" : `ws${request.url.slice(4)}`;
  }

  /** Both heads, after it was accepted. */
  get heads(): HandshakeHeads {
    return { request: this.request!, response: readHead("response", this.#answer!) };
  }

  /** The peer's address, where known. */
  get remoteAddress(): TransportAddress | undefined {
    return this.#transport.remoteAddress;
  }

  /** Begins to read the request. */
  start(): void {
    this.#timers.set(this.#timer, this.#settings.handshakeTimeout);
    this.#transport.start(this);
  }

  /**
   * Begins behind a request that another has read: `check` throws why it is refused, if it is; `rest`
   * are the bytes behind it.
   */
  startAfterHead(head: RequestHead, check: () => void, rest: Uint8Array): void {
    this.#head = head;
    this.#timers.set(this.#timer, this.#settings.handshakeTimeout);
    this.#transport.start(this);
    try {
      check();
      this.#decide(head, rest);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Answers 503 in place of anything else: the server is full, or going away. */
  unavailable(why: string): void {
    if (!isPending(this.#state)) return;
    this.#failed(
      new HandshakeError("UNAVAILABLE", `Cannot accept handshake: ${why}`, {
        status: 503,
        headers: new Headers({ "retry-after": "1" }),
      }),
    );
  }

  /**
   * Drops a peer whose request is not complete, to make room for another one. It gets no answer: with
   * none, a client that is only slow may try again.
   */
  giveWay(): void {
    const error = this.#refused(
      new HandshakeError(
        "UNAVAILABLE",
        "Cannot accept handshake: its request was incomplete when the server had no room for another",
        { status: 503 },
      ),
    );
    this.#timer.cancel();
    this.#move("refuse");
    this.#transport.close();
    this.#settings.onRefused(error, this.#context);
  }

  /** Drops the peer at once. */
  terminate(): void {
    this.#transport.close();
  }

  /** @internal Bytes, from the transport. */
  onData(chunk: Uint8Array): void {
    if (this.#state === "reading") this.#read(chunk);
    else if (this.#state === "deciding") {
      // More stays with the system. An end is seen while reading only, so it goes on until here.
      this.#transport.pause();
      this.#hold(chunk);
    } else {
      this.#dropped += chunk.length;
      if (this.#dropped > LINGER_SIZE) this.#transport.close();
    }
  }

  /** @internal */
  onDrain(): void {
    this.#sender?.onDrain();
  }

  /**
   * @internal The peer's end: without a whole request there is nothing to answer, and with no more
   * to come no WebSocket to open. A client that asked for a document may still read it.
   */
  onEnd(): void {
    if (this.#state === "reading" || (this.#state === "deciding" && this.#asksUpgrade)) {
      this.#transport.close();
    } else {
      this.#abort?.abort(clientLeft());
      this.#sender?.onEnd();
    }
  }

  /** @internal */
  onClose(error?: Error): void {
    this.#timer.cancel();
    if (this.#state === "done") return;
    const answered = this.#state === "answering" || this.#state === "lingering";
    this.#move("gone");
    const reason = clientLeft();
    this.#abort?.abort(reason);
    this.#sender?.cancel(reason);
    this.#owner.onEnd(this, this.#error ?? (answered ? undefined : error));
    // TLS that was not agreed on, say. A client may leave in the middle of an answer: nothing has failed.
    if (error !== undefined && this.#error === undefined && !answered) {
      this.#owner.onRefused?.(this, error as TransportError);
      this.#settings.onRefused(error as TransportError, this.#context);
    }
  }

  /** Keeps why it is refused. */
  #refused(error: HandshakeError): HandshakeError {
    this.#error = error;
    this.#owner.onRefused?.(this, error);
    return error;
  }

  #move(event: OpeningEvent): void {
    const state = afterOpeningEvent(this.#state, event);
    if (state === this.#state) return;
    this.#state = state;
    if (state !== "reading" && state !== "done") this.#owner.onPhase?.(this, state);
  }

  #read(chunk: Uint8Array): void {
    try {
      const used = this.#reader.push(chunk);
      const head = this.#reader.head;
      if (head === undefined) return;
      this.#decide(head, used === 0 ? chunk : chunk.subarray(used));
    } catch (error) {
      this.#failed(error);
    }
  }

  #decide(head: RequestHead, rest: Uint8Array): void {
    this.#move("head");
    this.#head = head;
    this.#hold(rest);
    this.#asksUpgrade = isUpgradeRequest(head);
    if (!this.#asksUpgrade && this.#settings.fetch !== undefined) {
      void this.#answerPlain(head, this.#settings.fetch);
    } else this.#decideUpgrade(head);
  }

  /** Decides about the upgrade, at once or when the hook has: the timer runs meanwhile. */
  #decideUpgrade(head: RequestHead): void {
    const { origins, hosts } = this.#settings;
    const transport = this.#transport, { secure } = transport;
    const { boundToLoopback } = this.#owner;
    let validated: UpgradeRequest;
    const validate = (): UpgradeRequest =>
      validated = validateRequest(head, { secure, boundToLoopback, origins, hosts });
    const hookRequest = (): Request => this.#request = toRequest(validated, this.#signal());
    const decision = decideUpgrade(validate, this.#settings, {
      secure,
      context: this.#context,
      get request(): Request {
        return hookRequest();
      },
      get peerCertificate(): PeerCertificate | undefined {
        return transport.peerCertificate;
      },
    });
    if (isThenable(decision)) void decision.then((late) => this.#onDecision(late));
    else this.#onDecision(decision);
  }

  #onDecision(decision: UpgradeDecision<Data, UpgradeRequest>): void {
    if (decision.kind === "fail") return this.#failed(decision.error);
    if (this.#state !== "deciding") {
      if (decision.kind === "refuse") cancelBody(decision.response, clientLeft());
    } else if (decision.kind === "accept") this.#accept(decision);
    else {
      const error = this.#refused(refusedByHook(decision.response.status));
      this.#settings.onRefused(error, this.#context);
      this.#respond(decision.response, { sendBody: true });
    }
  }

  #accept({ validated, protocol, headers, data }: AcceptedUpgrade<Data, UpgradeRequest>): void {
    const transport = this.#transport, { onClose: onClosed } = this.#owner;
    const { connection, link, extensions } = createServerConnection(transport, this.#settings, {
      validated,
      request: this.#request,
      protocol,
      data,
      onClosed,
    });
    const head = this.#answer = acceptHead({ key: validated.key, protocol, extensions, headers });
    this.#timer.cancel();
    this.#move("accept");
    transport.write(head);
    this.#owner.onOpen(this, connection);
    // Before the connection reads, which may pause it again at once.
    transport.resume();
    connection.start(this.#settings.websocket);
    const rest = this.#rest;
    this.#rest = EMPTY;
    link.feed(rest);
  }

  #signal(): AbortSignal {
    return (this.#abort ??= new AbortController()).signal;
  }

  async #answerPlain(head: RequestHead, fetch: (r: Request) => Response | Promise<Response>) {
    try {
      const request = this.#request = toHttpRequest(head, {
        secure: this.#transport.secure,
        boundToLoopback: this.#owner.boundToLoopback,
        hosts: this.#settings.hosts,
        signal: this.#signal(),
      });
      const response = await fetch(request);
      if (!isResponse(response)) {
        throw new TypeError(
          `Cannot answer request: fetch returned ${typeof response}, it must return a Response`,
        );
      }
      this.#respond(response, { sendBody: head.method !== "HEAD" });
    } catch (error) {
      this.#failed(error);
    }
  }

  #respond(response: Response, { sendBody }: { sendBody: boolean }): void {
    if (this.#state !== "deciding") return cancelBody(response, clientLeft());
    this.#timer.cancel();
    const { status, statusText, headers } = response;
    const { handshakeTimeout, connection: { closeTimeout, clock } } = this.#settings;
    const sender = this.#sender = new ResponseSender(response, {
      transport: this.#transport,
      handshakeTimeout,
      closeTimeout,
      clock,
      sendBody,
      canChunk: true,
      head: (framing) => refusalHead({ status, statusText, headers, ...framing }),
      onHead: (): void => {
        this.#move("respond");
        this.#drop();
      },
      onProgress: (): void => this.#owner.onPhase?.(this, "answering"),
    });
    sender.send().then((sent) => {
      if (this.#state !== "answering") return;
      if (sent) this.#linger("sent");
      else this.#transport.close();
    }, (error) => this.#sendFailed(error));
  }

  /** The body failed: once the head has been sent, only the missing end can show that to the peer. */
  #sendFailed(error: unknown): void {
    if (this.#state !== "answering") return this.#failed(error);
    this.#failedLate(error);
    this.#transport.close();
  }

  /** What still comes is dropped. */
  #drop(): void {
    this.#dropped += this.#rest.length;
    this.#rest = EMPTY;
    this.#transport.resume();
  }

  /**
   * Our direction ends, what still comes is dropped, until the peer has ended too: to close with
   * bytes unread would reset the connection, and the peer might never see the answer.
   */
  #linger(event: "sent" | "refuse"): void {
    this.#move(event);
    this.#abort = undefined; // whoever leaves now has got the answer
    this.#transport.closeWrite();
    this.#drop();
    const { closeTimeout } = this.#settings.connection;
    this.#timers.set(this.#timer, Math.min(closeTimeout, LINGER_TIMEOUT));
  }

  /** Bytes behind the head, before it is decided: few, as the first of them pause reading. */
  #hold(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#rest = concat(this.#rest, chunk);
  }

  /** Answers with what the error says, lingers until the peer has read it, and reports it. */
  #failed(error: unknown): void {
    if (!isPending(this.#state)) return this.#failedLate(error);
    const refusal = refusalFor(error);
    const { status, text } = refusal;
    this.#refused(
      refusal.fault
        ? new HandshakeError("INTERNAL", text.trim(), { status, cause: toError(error) })
        : error as HandshakeError,
    );
    this.#sender?.cancel(error);
    this.#transport.write(refusalBytes(refusal, this.#head?.method));
    const reported = !(refusal.fault && this.#clientHasLeft());
    this.#linger("refuse");
    if (reported) reportFailure(error, this.#settings, this.#context);
  }

  /** Reports that the user's code failed after the answer was given, or within it. */
  #failedLate(error: unknown): void {
    if (this.#clientHasLeft() && !isInstance(error, OverdueError)) return;
    this.#settings.onError(error, faultContext(this.#context));
  }

  /**
   * Whether the user's request was aborted because the client has left: what the code throws then
   * is not a fault.
   */
  #clientHasLeft(): boolean {
    return this.#abort?.signal.aborted === true;
  }

  /** The request as the user's code has seen it, or as far as it was read. */
  #seen(): Request | undefined {
    return this.#request ??= this.#head && readRequest(this.#head, this.#transport);
  }

  #late(): void {
    if (this.#state === "lingering") return this.#transport.close();
    const limit = this.#settings.handshakeTimeout;
    this.#failed(
      this.#state === "deciding"
        ? overdue(this.#asksUpgrade ? "the handshake hook" : "the function fetch", limit)
        : new HandshakeError(
          "HANDSHAKE_TIMEOUT",
          `Cannot accept handshake: the request did not come within ${limit} ms (handshakeTimeout)`,
          { status: 408 },
        ),
    );
  }
}
