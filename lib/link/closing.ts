/**
 * What a link does while its connection closes (RFC 6455 section 7.1), by the states of
 * `protocol/closing.ts`: when our answer leaves, which timeout runs, which side closes TCP.
 *
 * @module
 */
import { type CloseStatus, LimitError } from "../errors.ts";
import type { Role } from "../frame/opcode.ts";
import type { ClosingState } from "../protocol/closing.ts";
import type { Protocol } from "../protocol/protocol.ts";
import type { ResolvedLimits } from "../protocol/options.ts";
import { CallbackTimer, ReadingTimer, Timers } from "./timers.ts";
import type { Transport } from "./transport.ts";
import { afterTurn, cancelTurn } from "./turn.ts";

/**
 * How long our answer to the peer's Close waits for messages that are queued and for handlers that
 * work, in milliseconds.
 */
const REPLY_TIMEOUT = 1_000;

/**
 * A peer that broke a rule and then was quiet for so long, in milliseconds, has finished what it was
 * sending and has had its chance to read why we close.
 */
const LINGER_QUIET = 2_000;

/** What closing needs of its link. */
export interface ClosingInit {
  role: Role;
  protocol: Protocol;
  transport: Transport;
  options: ResolvedLimits;
}

/** What closing asks of its link, and reports to it. */
export interface ClosingEvents {
  /** Whether messages are queued, or a handler works: replies may still come. */
  readonly isReplying: boolean;
  /** Called when our answer has been encoded, and has to leave. */
  onAnswer(): void;
  /** Called when the peer has not closed in time; `error` says so if its Close is missing. */
  onCloseTimeout(error: LimitError | undefined): void;
}

/** The timers of a closing handshake, and its end. It is created when closing begins. */
export class Closing {
  /** Our Close, once the system has taken it. */
  sent: CloseStatus | undefined;
  readonly #init: ClosingInit;
  readonly #events: ClosingEvents;
  /** While our answer waits: what cancels the call at the end of this turn. */
  #turn: unknown;
  /** Then, while replies are still being made, the timer for the last moment to answer. */
  #replyTimer: CallbackTimer | undefined;
  #closeTimer: ReadingTimer | undefined;
  #quietTimer: ReadingTimer | undefined;
  #isLast = false;

  /** Creates what a link needs while it closes. */
  constructor(init: ClosingInit, events: ClosingEvents) {
    this.#init = init;
    this.#events = events;
  }

  /** Whether nothing is read or written any more, and only TCP is to be closed. */
  get isLast(): boolean {
    return this.#isLast;
  }

  /**
   * Lets our answer wait for the replies that are made in this turn of the event loop: `for await`
   * resumes in a microtask. A turn is no time, so the connection's clock has no part in it.
   */
  awaitReplies(): void {
    this.#turn = afterTurn(() => this.#onTurnEnd());
  }

  /** Called when no message is queued any more, or a handler is done. */
  onRepliesDone(): void {
    if (this.#replyTimer?.pending && !this.#events.isReplying) this.#answer();
  }

  /** Ends the wait for replies: our Close has been encoded for another reason. */
  stopAwaitingReplies(): void {
    cancelTurn(this.#turn);
    this.#replyTimer?.cancel();
  }

  /**
   * Called when the system has taken all that was encoded; `peerEnded` if the peer ended its
   * direction.
   */
  onFlushed(peerEnded: boolean): void {
    const { protocol, options } = this.#init;
    const state = protocol.move("flush");
    if (state !== "awaitingClose" && state !== "finished" && state !== "lingering") return;
    if (this.#closeTimer === undefined) {
      this.sent = protocol.closeSent;
      this.#closeTimer = new ReadingTimer(() => this.#onCloseTimer());
      this.#set(this.#closeTimer, options.closeTimeout);
    }
    if (state === "awaitingClose" || this.#isLast) return;
    this.#isLast = true;
    this.#endWriting(state, peerEnded);
  }

  /** Called when bytes came that are not read any more. */
  onActivity(): void {
    if (this.#quietTimer?.pending) this.#set(this.#quietTimer, LINGER_QUIET);
  }

  /** Called when the peer has ended its direction: the client has waited for this. */
  onPeerEnd(): void {
    if (this.#isLast) this.#init.transport.closeWrite();
  }

  /** Cancels all timers. */
  stop(): void {
    this.stopAwaitingReplies();
    this.#closeTimer?.cancel();
    this.#quietTimer?.cancel();
  }

  #set(timer: CallbackTimer | ReadingTimer, span: number): void {
    Timers.of(this.#init.options.clock).set(timer, span);
  }

  #onTurnEnd(): void {
    const wait = Math.min(REPLY_TIMEOUT, this.#init.options.closeTimeout);
    if (wait === 0 || !this.#events.isReplying) return this.#answer();
    this.#replyTimer = new CallbackTimer(() => this.#answer());
    this.#set(this.#replyTimer, wait);
  }

  #answer(): void {
    this.#replyTimer?.cancel();
    this.#init.protocol.answer();
    this.#events.onAnswer();
  }

  /**
   * Section 7.1.1: the server closes TCP first, and the client waits for it. To wait for the client's end
   * would make both wait where the transport cannot half-close, and the peer does not see that we ended.
   *
   * After a violation the end that fails the connection ends its direction and reads on: many a
   * peer looks for our Close only when it has sent the whole of a frame that was too large, and a
   * reset before that would take our Close away.
   */
  #endWriting(state: ClosingState, peerEnded: boolean): void {
    const { role, transport } = this.#init;
    if (state === "lingering") {
      transport.closeWrite();
      this.#quietTimer = new ReadingTimer(() => transport.close());
      this.#set(this.#quietTimer, LINGER_QUIET);
    } else if (role === "server") {
      transport.closeWrite();
      transport.close();
    } else if (peerEnded) transport.closeWrite();
  }

  #onCloseTimer(): void {
    const limit = this.#init.options.closeTimeout;
    this.#events.onCloseTimeout(
      this.#init.protocol.state !== "awaitingClose" ? undefined : new LimitError(
        `The peer has not answered our Close within ${limit} ms (closeTimeout)`,
        { option: "closeTimeout", limit, actual: limit, closeCode: 1008 },
      ),
    );
  }
}
