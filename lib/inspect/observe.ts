/**
 * Observing connections, servers and clients from outside.
 *
 * @module
 */
import { clients as clientWatchers } from "../client/clients.ts";
import type { AnyMessage } from "../connection/streamed_message.ts";
import type {
  AnyConnection,
  FailedHandshake,
  HandshakeHeads,
  Watchable,
} from "../connection/watcher.ts";
import { checkFunction, checkNames, type OptionNames, typeName } from "../options.ts";
import type { WebSocketServer } from "../server/listen.ts";
import { catchRejection, printError } from "../thrown.ts";
import {
  ConnectionTap,
  type TappedFrame,
  type TappedLink,
  type TappedMessage,
} from "./connection_tap.ts";
import { eventTime, type ObservedConnection, type Observer } from "./events.ts";
import { redactHeads, redactRequest, redactText } from "./redact.ts";

/** All connections that this program opens by `connect`: a target of {@linkcode observe}. */
export const clients: Watchable = clientWatchers;

/** What can be observed: a connection, a server of `listen`, or all {@linkcode clients}. */
export type ObserveTarget = AnyConnection | WebSocketServer<unknown, AnyMessage> | Watchable;

/** What `observe` has begun: it ends with `stop`, or with the block of `using`. */
export interface Observation extends Disposable {
  /** Calls the observer no more. */
  stop(): void;
}

const OBSERVER: OptionNames<Observer> = {
  open: true,
  refused: true,
  frame: true,
  message: true,
  close: true,
};

/**
 * Calls `observer` with what happens on a connection, on a server of `listen` (its connections and
 * handshakes) or on all {@linkcode clients} (those of `connect`). Nothing on the wire changes by it. It may
 * begin at any time: frames and messages are seen from the next frame on. What is not observed costs nothing.
 *
 * Behind `Deno.serve`, `Bun.serve`, `node:http` and `node:http2`, observe each connection in its handler
 * `open`. A platform's WebSocket shows messages, and no frames.
 *
 * @throws {TypeError} If the target is something else, or the observer has an unknown or invalid handler.
 *
 * @example
 * ```ts
 * import { connect } from "@sluice/websocket";
 * import { observe } from "@sluice/websocket/inspect";
 * import { listen } from "@sluice/websocket/server";
 *
 * await using server = await listen({
 *   port: 0,
 *   websocket: { message: (connection, data) => void connection.send(data) },
 * });
 * using _observation = observe(server, {
 *   frame: ({ connection, direction, opcode, payloadSize }) =>
 *     console.log(connection.id, direction, opcode, payloadSize),
 *   close: ({ connection, info }) => console.log(connection.id, info.closeCode),
 * });
 * await using client = await connect(`ws://localhost:${server.address.port}`);
 * client.send("Hello"); // 1 received 1 5
 * await client.receive(); // 1 sent 1 5
 * ```
 */
export function observe(target: ObserveTarget, observer: Observer): Observation {
  checkObserver(observer);
  const observation = new ObserverCalls(observer);
  if (isWatchable(target)) {
    const unwatch = target.watch({
      onOpen: (connection, role, heads) => observation.add(connection, role, heads),
      onRefused: (failed) => observation.refuse(failed),
    });
    return new Ending(observation, unwatch);
  }
  if (!isConnection(target)) {
    throw new TypeError(
      `Cannot observe: the target must be a connection, a server of listen, or clients, got ${
        typeName(target)
      }`,
    );
  }
  observation.add(target, undefined, undefined);
  return new Ending(observation, () => {});
}

/** A plain object of handlers has no other members; an instance of a class may. */
function checkObserver(observer: unknown): void {
  if (typeof observer !== "object" || observer === null) {
    throw new TypeError(
      `Cannot observe: the observer must be an object of handlers, got ${typeName(observer)}`,
    );
  }
  const isPlain = [Object.prototype, null].includes(Object.getPrototypeOf(observer));
  if (isPlain) checkNames(observer, OBSERVER, { verb: "observe", noun: "a handler" });
  for (const name of Object.keys(OBSERVER) as (keyof Observer)[]) {
    checkFunction(name, (observer as Observer)[name]);
  }
}

function isWatchable(target: ObserveTarget): target is Watchable {
  return typeof (target as Partial<Watchable> | null | undefined)?.watch === "function";
}

function isConnection(target: ObserveTarget): target is AnyConnection {
  return typeof (target as Partial<AnyConnection> | null | undefined)?.setTap === "function";
}

class Ending implements Observation {
  readonly #observation: ObserverCalls;
  readonly #unwatch: () => void;

  constructor(observation: ObserverCalls, unwatch: () => void) {
    this.#observation = observation;
    this.#unwatch = unwatch;
  }

  stop(): void {
    this.#unwatch();
    this.#observation.stop();
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}

/** One observer, and the connections on which it is called. */
class ObserverCalls {
  readonly #observer: Observer;
  readonly #connections = new Set<Observed>();
  #isStopped = false;

  constructor(observer: Observer) {
    this.#observer = observer;
  }

  /** Whether it wants to see what passes, and not only connections that open and close. */
  get wantsTap(): boolean {
    return this.#observer.frame !== undefined || this.#observer.message !== undefined;
  }

  add(
    connection: AnyConnection,
    role: "client" | "server" | undefined,
    heads: (() => HandshakeHeads) | undefined,
  ): void {
    if (this.#isStopped) return; // by another observer of the same event
    const observed = Observed.of(connection, role, heads);
    this.#connections.add(observed);
    observed.add(this);
    this.call("open", { connection: observed.record, time: eventTime() });
  }

  refuse({ role, error, url, remoteAddress, request }: FailedHandshake): void {
    this.call("refused", {
      time: eventTime(),
      role,
      error,
      url: redactText(url),
      remoteAddress,
      request: request && redactRequest(request, ""),
    });
  }

  /** A connection is closed. */
  forget(observed: Observed): void {
    this.#connections.delete(observed);
  }

  stop(): void {
    this.#isStopped = true;
    for (const observed of this.#connections) observed.remove(this);
    this.#connections.clear();
  }

  /** Calls a handler, if there is one: what it throws is printed. */
  call<Name extends keyof Observer>(
    name: Name,
    event: Parameters<NonNullable<Observer[Name]>>[0],
  ): void {
    if (this.#isStopped) return;
    const failed = (error: unknown): void => printError(`The observer's ${name} failed:`, error);
    try {
      const handlers = this.#observer as Record<Name, ((given: typeof event) => void) | undefined>;
      catchRejection(handlers[name]?.(event), failed);
    } catch (error) {
      failed(error);
    }
  }
}

/** Numbers the connections of this program. */
let lastId = 0;

/** A connection that is observed, and its observers. */
class Observed {
  static readonly #all = /* @__PURE__ */ new WeakMap<AnyConnection, Observed>();
  readonly record: ObservedConnection;
  #observers: readonly ObserverCalls[] = [];
  #tap: ConnectionTap | undefined;

  private constructor(record: ObservedConnection) {
    this.record = record;
  }

  /** Returns the one of this connection. */
  static of(
    connection: AnyConnection,
    role: "client" | "server" | undefined,
    heads: (() => HandshakeHeads) | undefined,
  ): Observed {
    let observed = Observed.#all.get(connection);
    if (observed === undefined) {
      const { protocol, extensions, remoteAddress } = connection;
      observed = new Observed({
        id: ++lastId,
        connection,
        role: role ?? connection.role,
        url: redactText(connection.url),
        protocol,
        extensions,
        remoteAddress,
        openedAt: eventTime(),
        handshake: heads && redactHeads(heads(), protocol),
      });
      Observed.#all.set(connection, observed);
    }
    return observed;
  }

  add(observer: ObserverCalls): void {
    this.#observers = [...this.#observers, observer];
    this.#setTap();
    const { connection } = this.record;
    void connection.closed.then((info) => {
      const { stats } = connection;
      observer.call("close", { connection: this.record, time: eventTime(), info, stats });
      observer.forget(this);
      this.remove(observer);
    });
  }

  remove(observer: ObserverCalls): void {
    this.#observers = this.#observers.filter((each) => each !== observer);
    this.#setTap();
  }

  #onFrame(frame: TappedFrame): void {
    const event = { connection: this.record, time: eventTime(), ...frame };
    for (const observer of this.#observers) observer.call("frame", event);
  }

  #onMessage(message: TappedMessage): void {
    const event = { connection: this.record, time: eventTime(), ...message };
    for (const observer of this.#observers) observer.call("message", event);
  }

  /** There is a tap as long as an observer wants one. */
  #setTap(): void {
    const isWanted = this.#observers.some((observer) => observer.wantsTap);
    if (isWanted === (this.#tap !== undefined)) return;
    if (isWanted) this.record.connection.setTap((link) => this.#tap = this.#createTap(link));
    else {
      this.#tap = undefined;
      this.record.connection.setTap(undefined);
    }
  }

  /** One that was replaced, from within a handler, tells nothing any more. */
  #createTap(link: TappedLink): ConnectionTap {
    const tap: ConnectionTap = new ConnectionTap(link, {
      onFrame: (frame) => tap === this.#tap && this.#onFrame(frame),
      onMessage: (message) => tap === this.#tap && this.#onMessage(message),
    });
    return tap;
  }
}
