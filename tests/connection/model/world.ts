/** Two connections, the memory between them, and the time for both. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import type { Role } from "../../../lib/frame/opcode.ts";
import { memoryTransportPair } from "../../../lib/transport/memory.ts";
import { ownRuntime } from "../../support/runtimes.ts";
import { checkPair } from "./check.ts";
import { VirtualClock } from "../../../lib/testing/clock.ts";
import { End, type EndSetup } from "./end.ts";

/** How a world is made. */
export interface Setup {
  /** Bytes between the two that neither holds. */
  capacity: number;
  /** How much arrives at once. */
  chunkSize: number;
  copies: boolean;
  /** Whether permessage-deflate is agreed on. */
  compressed: boolean;
  client: EndSetup;
  server: EndSetup;
}

/** How a run is brought to its end. */
export type Finale =
  | "close"
  | "closeOne"
  | "closeOneAbandon"
  | "abandon"
  | "terminate"
  | "terminateOne";

/** More microtasks in a row than anything here needs. */
const TURNS = 60;

/** Both ends, moved by hand. */
export class World {
  readonly clock: VirtualClock = new VirtualClock();
  readonly client: End;
  readonly server: End;
  readonly #step: () => boolean;

  /** Makes the pair; both connections are open. */
  constructor(setup: Setup) {
    const pair = memoryTransportPair({ ...setup, manual: true });
    this.#step = pair.step;
    const { compressed } = setup;
    this.client = new End("client", { ...setup.client, compressed }, pair.client, this.clock);
    this.server = new End("server", { ...setup.server, compressed }, pair.server, this.clock);
  }

  /** The end of that role. */
  end(side: Role): End {
    return side === "client" ? this.client : this.server;
  }

  /** Lets the transports do so many things. */
  step(count: number): void {
    for (let i = 0; i < count && this.#step(); i++);
  }

  /** Lets promises settle. Under Node's test runner they are slow, and a task does it as well. */
  async turn(): Promise<void> {
    if (ownRuntime === "node") await new Promise((resolve) => setImmediate(resolve));
    else await this.turns(TURNS);
  }

  /** Lets promises settle half-way. */
  async turns(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await undefined;
  }

  /** Lets everything happen that needs no time. */
  async quiet(): Promise<void> {
    for (let rounds = 0;; rounds++) {
      assert.ok(rounds < 100_000, "it never comes to rest");
      await this.turn();
      if (this.#step()) this.step(1000);
      else if (!await this.#endTurn()) return this.#checkQuiet();
    }
  }

  /** Ends the turn for which an answer to a Close waits: false if none does. */
  async #endTurn(): Promise<boolean> {
    const waiting = [this.client, this.server].filter(({ spy }) => spy.awaitsTurn);
    if (waiting.length === 0) return false;
    await new Promise((resolve) => setTimeout(resolve, 0));
    for (const { spy } of waiting) spy.awaitsTurn = false;
    return true;
  }

  /** Lets time pass. With `still` the network rests meanwhile, or else all happens that can. */
  async pass(ms: number, still: boolean): Promise<void> {
    const settle = (): Promise<void> => still ? this.turn() : this.quiet();
    await this.clock.advanceByTurns(ms, settle);
    await settle();
  }

  /** What holds at any time. */
  check(): void {
    this.client.check();
    this.server.check();
  }

  /** Ends both sides, and checks all that came of them. */
  async finish(finale: Finale): Promise<void> {
    const { client, server } = this, ends = [client, server];
    await this.quiet();
    ends.forEach((end) => end.disarm());
    if (finale === "terminate") ends.forEach((end) => end.connection.terminate());
    else if (finale === "terminateOne") await this.#terminateOne();
    else if (finale === "closeOne") await this.#closeOne();
    else if (finale === "closeOneAbandon") await this.#closeOneAbandon();
    else if (finale === "close") await this.#closeBoth();
    else {
      // Whatever is stuck, there is a time for it.
      ends.forEach((end) => end.connection.close());
      await this.#passAll();
    }
    await this.quiet();
    // An end whose socket was ended beneath it cannot say its Close: it takes time to find that out.
    if (ends.some(({ intent }) => intent.ended === "fin")) await this.#passAll();
    this.#checkClosed();
    // What had come may still have to be handled.
    ends.forEach((end) => end.resume());
    ends.forEach((end) => end.reader.release());
    await this.quiet();
    for (const { info, side } of ends) assert.notEqual(info, undefined, `${side} is not over`);
    // A stream of writes learns of a normal end a task later.
    if (ends.some((end) => end.sending.usedWriter)) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await this.quiet();
    assert.equal(this.clock.timers, 0, "timers are left");
    checkPair(client, server);
  }

  /** In good order: nothing is left that could hold up a Close, so no time is needed. */
  async #closeBoth(): Promise<void> {
    const ends = [this.client, this.server];
    for (const end of ends) end.sending.sources.forEach((source) => source.end());
    await this.quiet();
    ends.forEach((end) => end.connection.close());
  }

  /** The other reads on until it finds the Close: no time is needed either. */
  async #closeOne(): Promise<void> {
    this.server.connection.close();
    await this.quiet();
    await this.#readOn(this.client);
  }

  /** The other does nothing: the one who closes does not wait for ever. */
  async #closeOneAbandon(): Promise<void> {
    this.server.connection.close();
    await this.#passAll();
    assert.notEqual(this.server.info, undefined, "the server is not closed");
    await this.#readOn(this.client);
  }

  /** More time than any limit, or two of them, one after the other. */
  async #passAll(): Promise<void> {
    for (let i = 0; i < 8; i++) await this.pass(10_000, false);
  }

  /** The other sees it at once, unless the end was an orderly one already, which has to be read. */
  async #terminateOne(): Promise<void> {
    const { connection, intent } = this.client;
    const open = connection.readyState === 1 && intent.ended === undefined;
    this.client.connection.terminate();
    await this.quiet();
    assert.notEqual(this.client.info, undefined, "not over after terminate()");
    if (open) this.#checkClosed();
    else await this.#readOn(this.server);
  }

  async #readOn(end: End): Promise<void> {
    end.reader.release();
    end.resume();
    for (const each of [this.client, this.server]) {
      each.sending.sources.forEach((source) => source.end());
    }
    await this.quiet();
    // The answer to a Close waits for messages that nobody takes.
    if (end.spy.closed === undefined) await this.pass(1_000, false);
  }

  #checkClosed(): void {
    for (const { spy, side } of [this.client, this.server]) {
      assert.notEqual(spy.closed, undefined, `${side} is not closed`);
    }
  }

  #checkQuiet(): void {
    this.check();
    this.client.checkQuiet();
    this.server.checkQuiet();
    this.#checkNoticed(this.client, this.server);
    this.#checkNoticed(this.server, this.client);
  }

  /** An end that reads knows that its peer has gone, and has answered its pings. */
  #checkNoticed(end: End, peer: End): void {
    if (end.spy.readyState !== 1 || end.spy.paused) return;
    assert.equal(
      peer.intent.ended,
      undefined,
      `${end.side} has not noticed that its peer has gone`,
    );
    const idle = [end, peer].every(({ spy, intent }) =>
      spy.readyState === 1 && !spy.paused && spy.bufferedAmount === 0 && intent.ended === undefined
    );
    // Of several pings only the newest may be answered, which may be one of the keepalive's.
    if (!idle || peer.setup.pingInterval !== Infinity) return;
    for (const { name, state } of peer.tracked) {
      if (name === "ping") assert.notEqual(state, "pending", `${end.side} has not answered a ping`);
    }
  }
}
