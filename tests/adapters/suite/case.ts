/**
 * What a case is made of. The user's side of it may live in another process: it sees nothing but its
 * connection and what it is given here, and tells the test what it saw.
 *
 * @module
 */
import type {
  Capabilities,
  CloseInfo,
  ConnectionHandler,
  ConnectionOptions,
  MessageData,
  StreamedMessage,
  WebSocketConnection,
} from "../../../mod.ts";
import { type WirePeer, within } from "./wire.ts";

/** The user's end of the line to the test. */
export interface Side {
  /** Tells the test something, which passes as JSON. */
  tell(key: string, value?: unknown): void;
  /** Resolves when the test says so. */
  go(): Promise<void>;
}

/** The user's side of whole messages; of messages in pieces by `inPieces`. */
export type CaseUser = ConnectionHandler<undefined, MessageData>;

/** A user's side that gets messages in pieces: for a case with that option. */
export function inPieces(user: ConnectionHandler<undefined, StreamedMessage>): CaseUser {
  return user as unknown as CaseUser;
}

/** One case: what both ends do. */
export interface Case {
  readonly name: string;
  /** Options of the connection: numbers, names and truth values. */
  readonly options?: Omit<ConnectionOptions, "clock" | "mask">;
  /** Whether the peer agrees on compression. */
  readonly compresses?: boolean;
  /** The user of the connection under test. */
  user(side: Side): CaseUser;
  /** The peer. */
  test(rig: Rig): Promise<void>;
}

/** How a connection ended, as it is told. */
export type ToldClose = Omit<CloseInfo, "error"> & {
  error?: { name: string; message: string; option?: string };
};

/** What every connection tells as it opens. */
export interface ToldOpen {
  capabilities: Capabilities;
  protocol: string;
  extensions: string;
  url: string;
}

/** An open connection, from the test's end. */
export interface Rig {
  readonly peer: WirePeer;
  readonly told: Told;
  readonly opened: ToldOpen;
  /** Whether compression was agreed on, by what the handshake said on the wire. */
  readonly agreed: boolean;
  /** Lets the user's side go on. */
  go(): void;
  /** What was found out in trying; the suite compares it with what is known. */
  readonly findings: Findings;
  /** Releases what is below; rejects if something hangs. */
  close(): Promise<void>;
}

type Flags = { -readonly [Flag in keyof Capabilities]?: boolean };

/** What an adapter can do, found by trying. */
export interface Findings extends Flags {
  /** `send` gives false and `ready` waits when the peer does not read. */
  backpressure?: boolean;
  /** `terminate` drops the peer without a Close. */
  terminate?: boolean;
  /** Compresses what it sends; with `compression` alone it only reads what is compressed. */
  deflates?: boolean;
  /** `closed` tells how the peer answered our Close. */
  answer?: boolean;
}

/** What the user's side has told, in order, by key. */
export class Told {
  readonly #values: { key: string; value: unknown }[] = [];
  readonly #taken = new Map<string, number>();
  #changed = Promise.withResolvers<void>();

  /** Takes what was told. */
  tell(key: string, value: unknown): void {
    // As from another process.
    const json = JSON.stringify(value);
    this.#values.push({ key, value: json === undefined ? undefined : JSON.parse(json) });
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** All that was told under the key so far. */
  all(key: string): unknown[] {
    return this.#values.flatMap((each) => each.key === key ? [each.value] : []);
  }

  /** The next thing told under the key. */
  async next<Value = unknown>(key: string): Promise<Value> {
    const at = this.#taken.get(key) ?? 0;
    this.#taken.set(key, at + 1);
    while (this.all(key).length <= at) {
      await within(this.#changed.promise, () => {
        return `"${key}" to be told; so far: ${JSON.stringify(this.#values).slice(0, 2000)}`;
      });
    }
    return this.all(key)[at] as Value;
  }

  /** How it ended. */
  closed(): Promise<ToldClose> {
    return this.next<ToldClose>("closed");
  }
}

/** The user's side with what every case tells: how it opened, and how it closed. */
export function watched(each: Case, side: Side): CaseUser {
  const watch = (connection: WebSocketConnection): void => {
    const { capabilities, protocol, extensions, url } = connection;
    side.tell("open", { capabilities, protocol, extensions, url } satisfies ToldOpen);
    void connection.closed.then((info) => side.tell("closed", plain(info)));
  };
  const user = each.user(side);
  if (typeof user === "function") {
    return (connection) => {
      watch(connection);
      return user(connection);
    };
  }
  return {
    ...user,
    open: (connection) => {
      watch(connection);
      return user.open?.(connection);
    },
  };
}

function plain({ error, ...info }: CloseInfo): ToldClose {
  if (error === undefined) return info;
  const { name, message, option } = error as Error & { option?: string };
  return { ...info, error: { name, message, ...(option === undefined ? {} : { option }) } };
}
