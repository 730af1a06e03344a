/** A link that notes what passes, between the connection and the real link. */

import assert from "node:assert/strict";
import type { CloseInfo, CloseStatus } from "../../../lib/errors.ts";
import type {
  Capabilities,
  Link,
  LinkEvents,
  LinkMessages,
  ReadyState,
} from "../../../lib/link/link.ts";
import type { TransportAddress } from "../../../lib/link/transport.ts";
import type { MessageType } from "../../../lib/message/message.ts";
import { Content } from "./content.ts";

/** What a spy tells as it happens. */
export interface SpyEvents {
  /** A message is about to be handed on, or to begin. */
  arriving(): void;
  /** A piece of a message is about to be handed on. */
  piece(): void;
  /** A fragment that is not the last is about to be written. */
  writing(first: boolean): void;
}

/** Notes messages on both of their ways, and that the events keep their order. */
export class SpyLink implements Link {
  /** What the link was given to send, and took. */
  readonly sent: Content[] = [];
  /** What it gave. */
  readonly arrived: Content[] = [];
  /** What it told at the end. */
  closed: CloseInfo | undefined;
  #paused = false;
  readonly #below: Link;
  readonly #events: SpyEvents;
  #sending = false;
  #arriving = false;
  #first = false;
  #turnHasEnded = false;

  /** Makes it over the real one. */
  constructor(below: Link, events: SpyEvents) {
    this.#below = below;
    this.#events = events;
  }

  /** The connection wants no messages; once closing began, that means nothing. */
  get paused(): boolean {
    return this.#paused && this.#below.readyState === 1;
  }
  get capabilities(): Capabilities {
    return this.#below.capabilities;
  }
  get protocol(): string {
    return this.#below.protocol;
  }
  get extensions(): string {
    return this.#below.extensions;
  }
  get compression(): Link["compression"] {
    return this.#below.compression;
  }
  get role(): Link["role"] {
    return this.#below.role;
  }
  get closeInitiator(): Link["closeInitiator"] {
    return this.#below.closeInitiator;
  }
  setTap(tap: Parameters<Link["setTap"]>[0]): void {
    this.#below.setTap(tap);
  }
  get stats(): Link["stats"] {
    return this.#below.stats;
  }
  get remoteAddress(): TransportAddress | undefined {
    return this.#below.remoteAddress;
  }
  get readyState(): ReadyState {
    return this.#below.readyState;
  }
  get bufferedAmount(): number {
    return this.#below.bufferedAmount;
  }

  /** Whether its answer to the peer's Close waits for the end of this turn. */
  get awaitsTurn(): boolean {
    return !this.#turnHasEnded && this.#below.readyState === 2 && this.#below.canSend;
  }
  set awaitsTurn(waits: boolean) {
    this.#turnHasEnded = !waits;
  }
  get canSend(): boolean {
    return this.#below.canSend;
  }

  onEmptyPong(): number | undefined {
    return this.#below.onEmptyPong();
  }

  start(messages: LinkMessages, events: LinkEvents): void {
    const open = (): void => assert.equal(this.closed, undefined, "an event after close");
    const whole = (): void => assert.equal(this.#arriving, false, "an event within a message");
    const part = (): void => assert.equal(this.#arriving, true, "a piece of no message");
    this.#below.start({
      get count(): number {
        return messages.count;
      },
      get isFull(): boolean {
        return messages.isFull;
      },
      onMessage: (data): void => {
        open();
        whole();
        const content = Content.of(data);
        this.#events.arriving();
        this.arrived.push(content);
        messages.onMessage(data);
      },
      onMessageStart: (type, length): void => {
        open();
        whole();
        this.#events.arriving();
        this.#arriving = true;
        this.arrived.push(new Content(type));
        messages.onMessageStart(type, length);
      },
      onMessageData: (piece): void => {
        open();
        part();
        assert.notEqual(piece.length, 0, "an empty piece");
        this.#events.piece();
        this.arrived.at(-1)!.add(piece);
        messages.onMessageData(piece);
      },
      onMessageEnd: (): void => {
        open();
        part();
        this.#arriving = false;
        this.arrived.at(-1)!.complete = true;
        messages.onMessageEnd();
      },
    }, {
      get isReplying(): boolean {
        return events.isReplying;
      },
      onPing: (payload): void => {
        open();
        events.onPing(payload);
      },
      onPong: (payload): void => {
        open();
        events.onPong(payload);
      },
      onDrain: (): void => {
        open();
        events.onDrain();
      },
      onClose: (info): void => {
        open();
        this.closed = info;
        events.onClose(info);
      },
    });
  }

  send(data: string | Uint8Array, compress?: boolean): boolean {
    const before = this.#below.canSend;
    if (before) assert.equal(this.#sending, false, "a message within a message");
    const content = Content.of(data);
    const taken = this.#below.send(data, compress);
    // False is said of a message above the mark as well as of one that was not sent.
    if (taken || (before && this.#below.canSend)) this.sent.push(content);
    return taken;
  }
  beginMessage(type: MessageType, compress?: boolean): void {
    assert.equal(this.#sending, false, "a message within a message");
    this.#sending = this.#first = true;
    this.sent.push(new Content(type));
    this.#below.beginMessage(type, compress);
  }
  writeMessage(piece: Uint8Array, final: boolean): boolean {
    assert.equal(this.#sending, true, "a piece of no message");
    if (this.#below.canSend) {
      if (!final) this.#events.writing(this.#first);
      this.#first = false;
      this.sent.at(-1)!.add(piece);
      if (final) this.sent.at(-1)!.complete = true;
    }
    if (final) this.#sending = false;
    return this.#below.writeMessage(piece, final);
  }
  wantDrain(): void {
    this.#below.wantDrain();
  }
  overflow(actual: number): void {
    this.#below.overflow(actual);
  }
  ping(payload: Uint8Array): void {
    this.#below.ping(payload);
  }

  pong(payload: Uint8Array): void {
    this.#below.pong(payload);
  }
  close(status: CloseStatus): void {
    this.#below.close(status);
  }
  onRepliesDone(): void {
    this.#below.onRepliesDone();
  }
  fail(status: CloseStatus, error: Error): void {
    this.#below.fail(status, error);
  }
  terminate(): void {
    this.#below.terminate();
  }
  pause(): void {
    this.#paused = true;
    this.#below.pause();
  }
  resume(): void {
    this.#paused = false;
    this.#below.resume();
  }
}
