/**
 * What happens on a connection besides messages: pings, pongs, room to send, errors of the user's code,
 * the end. Each goes to the user's handlers, in the order that they may rely on.
 *
 * @module
 */
import { type CloseInfo, ConnectionClosedError } from "../errors.ts";
import { type Link, type LinkEvents, OPEN } from "../link/link.ts";
import type { ResolvedLimits } from "../protocol/options.ts";
import { catchRejection, isInstance, toError } from "../thrown.ts";
import type { ConnectionParts } from "./parts.ts";
import type { Pings } from "./pings.ts";
import { type MessageHandler, Receiver, type ReceiverEvents } from "./receiver.ts";
import { contextOf, type ReportContext, type ReportedConnection, reportError } from "./report.ts";
import { Sender, type SenderEvents } from "./sender.ts";
import { RoundTrips } from "./stats.ts";
import type { AnyMessage } from "./streamed_message.ts";

/** The user's handlers of a connection. */
export interface Handlers<Connection, Message> extends MessageHandler<Connection, Message> {
  open?(connection: Connection): void | Promise<void>;
  drain?(connection: Connection): void | Promise<void>;
  ping?(connection: Connection, payload: Uint8Array): void | Promise<void>;
  pong?(connection: Connection, payload: Uint8Array): void | Promise<void>;
  close?(connection: Connection, info: CloseInfo): void | Promise<void>;
}

/**
 * What a dispatcher is created with. These are methods, and their types are kept as those of methods: so a
 * connection whose `data` is known is also one whose `data` is unknown.
 */
export interface DispatcherInit<Connection> {
  /** Called once, when the connection is closed. */
  onClosed?(connection: Connection, info: CloseInfo): void;
  /** Called with errors of the user's code. */
  onError?(error: unknown, context: ReportContext<Connection>): void | Promise<void>;
  /** What only our own protocol can do. */
  parts?: ConnectionParts | undefined;
}

/** Calls the user's handlers, and holds the end of the connection. */
export class Dispatcher<Connection extends ReportedConnection, Message extends AnyMessage>
  implements LinkEvents, ReceiverEvents, SenderEvents {
  /** Reads messages. */
  readonly receiver: Receiver<Connection, Message>;
  /** Sends messages. */
  readonly sender: Sender;
  /** How the connection ended. */
  closeInfo: CloseInfo | undefined;

  readonly #connection: Connection;
  readonly #link: Link;
  readonly #onClosed: DispatcherInit<Connection>["onClosed"];
  readonly #onError: DispatcherInit<Connection>["onError"];
  #handlers: Handlers<Connection, Message> | undefined;
  /** What only our own protocol can do; undefined over a platform's. */
  readonly parts: ConnectionParts | undefined;
  #pings: Pings | undefined;
  #roundTrips: RoundTrips | undefined;
  /** Created when it is first asked for. */
  #closed: PromiseWithResolvers<CloseInfo> | undefined;

  /** Creates the dispatcher of a connection on `link`, its receiver and its sender. */
  constructor(
    { link, connection, options }: { link: Link; connection: Connection; options: ResolvedLimits },
    init: DispatcherInit<Connection>,
  ) {
    this.#connection = connection;
    this.#link = link;
    this.#onClosed = init.onClosed;
    this.#onError = init.onError;
    this.parts = init.parts;
    this.receiver = new Receiver({ link, connection, options }, this);
    this.sender = new Sender({ link, options, parts: init.parts }, this);
  }

  /** Resolves with the end, after `close` was called. */
  get closed(): Promise<CloseInfo> {
    if (this.#closed === undefined) {
      this.#closed = Promise.withResolvers();
      if (this.receiver.isOver) this.#closed.resolve(this.closeInfo!);
    }
    return this.#closed.promise;
  }

  /** The user's pings, which wait for their pongs: where there are pings. Created when first asked for. */
  get pings(): Pings {
    return this.#pings ??= this.parts!.createPings(
      this.receiver.options,
      !this.receiver.isReading,
    );
  }

  /** Starts the link with these handlers, or calls the user's function. */
  start(
    user:
      | Handlers<Connection, Message>
      | ((connection: Connection) => void | Promise<void>)
      | undefined,
  ): void {
    const connection = this.#connection;
    if (typeof user === "object") {
      this.#handlers = user;
      this.receiver.handle(user);
    }
    this.#link.start(this.receiver, this);
    if (typeof user === "function") this.#call(() => user(connection));
    else if (user?.open !== undefined) this.#call(() => user.open!(connection));
  }

  /**
   * From the link: a ping. One that comes with the end of a connection that is paused is not
   * reported.
   */
  onPing(payload: Uint8Array): void {
    const handlers = this.#handlers;
    if (handlers?.ping === undefined || this.receiver.isPaused) return;
    this.#call(() => handlers.ping!(this.#connection, payload));
  }

  /** From the link: a pong. */
  onPong(payload: Uint8Array): void {
    const handlers = this.#handlers;
    // An empty pong may answer the link's own ping, or one of the user's with an empty payload.
    const roundTrip = this.#pings?.onPong(payload);
    this.#measure(payload.length > 0 ? roundTrip : this.#link.onEmptyPong() ?? roundTrip);
    if (handlers?.pong === undefined || this.receiver.isPaused) return;
    this.#call(() => handlers.pong!(this.#connection, payload));
  }

  /** The round trips that were measured; undefined before the first. */
  get roundTrips(): Readonly<RoundTrips> | undefined {
    return this.#roundTrips;
  }

  #measure(roundTrip: number | undefined): void {
    if (roundTrip === undefined) return;
    if (this.#roundTrips === undefined) this.#roundTrips = new RoundTrips(roundTrip);
    else this.#roundTrips.add(roundTrip);
  }

  /** From the link: replies to what has come may still be sent. */
  get isReplying(): boolean {
    return this.receiver.isBusy || this.sender.isBusy;
  }

  /** From the link: some of what waited has left. */
  onDrain(): void {
    this.sender.onDrain();
  }

  /** From the sender: no more than the high-water mark waits. */
  onReady(): void {
    const handlers = this.#handlers;
    if (handlers?.drain !== undefined) this.#call(() => handlers.drain!(this.#connection));
  }

  /** From the receiver: reading has stopped. */
  onPause(): void {
    this.#pings?.pause();
  }

  /** From the receiver: reading goes on. */
  onResume(): void {
    this.#pings?.resume();
  }

  /** From the receiver: nothing reads the connection. */
  onReport(error: Error): void {
    reportError(this.#onError, error, contextOf(this.#connection));
  }

  /** The user's code failed: 1011 for the peer, the error for `onError`. */
  onHandlerError(error: unknown): void {
    // A `for await` in the user's function ends with the connection's own error, which is no news.
    if (isInstance(error, ConnectionClosedError) && this.#link.readyState !== OPEN) return;
    this.receiver.stop();
    this.#link.fail({ closeCode: 1011, reason: "" }, toError(error));
    reportError(this.#onError, error, contextOf(this.#connection));
  }

  /** Returns the error that says how the connection ended, or that it is closing. */
  closedError(): ConnectionClosedError {
    return new ConnectionClosedError(
      this.closeInfo ?? {
        closeCode: 1006,
        reason: "",
        wasClean: false,
        sent: undefined,
        received: undefined,
        initiator: "local",
        error: undefined,
      },
    );
  }

  /** From the link: it has closed. Nothing comes and nothing leaves; handlers may still have work. */
  onClose(info: CloseInfo): void {
    this.closeInfo = info;
    this.sender.end();
    this.#pings?.fail(() => this.closedError());
    this.receiver.end();
  }

  /** From the receiver: what had come is handled. `close` is the last handler to be called. */
  onOver(): void {
    const info = this.closeInfo!, handlers = this.#handlers;
    if (handlers?.close !== undefined) this.#call(() => handlers.close!(this.#connection, info));
    this.#closed?.resolve(info);
    this.#onClosed?.(this.#connection, info);
  }

  #call(handler: () => void | Promise<void>): void {
    try {
      const result = handler();
      if (result !== undefined) catchRejection(result, (error) => this.onHandlerError(error));
    } catch (error) {
      this.onHandlerError(error);
    }
  }
}
