/**
 * Users who send much, with and without regard for the peer.
 *
 * @module
 */
import type { WebSocketConnection } from "../../../mod.ts";
import { MIB } from "./memory.ts";
import { patternAt } from "./pattern.ts";

/** What is offered, in bytes. */
export const OFFERED: number = 1024 * MIB;
/** The size of each message. */
export const MESSAGE_SIZE: number = 65_536;

/** How far an offer is. */
export class Offer {
  /** How much there is to send; it may be changed meanwhile. */
  size: number = OFFERED;
  sent = 0;
  /** The most that was buffered, seen after each `send`. */
  mostBuffered = 0;
  readonly #connection: WebSocketConnection;

  /** Nothing is sent yet. */
  constructor(connection: WebSocketConnection) {
    this.#connection = connection;
  }

  /** Sends under `ready`; then closes. */
  async run(): Promise<void> {
    while (this.sent < this.size && this.#connection.readyState === 1) {
      this.#send();
      await this.#connection.ready;
    }
    this.#connection.close();
  }

  /** Sends without waiting, whatever `send` says; only the socket is given turns to write. */
  async flood(): Promise<void> {
    while (this.sent < this.size && this.#connection.readyState === 1) {
      this.#send();
      if (this.sent % MIB === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  #send(): void {
    this.#connection.send(patternAt(this.sent, MESSAGE_SIZE));
    this.sent += MESSAGE_SIZE;
    this.mostBuffered = Math.max(this.mostBuffered, this.#connection.bufferedAmount);
  }
}
