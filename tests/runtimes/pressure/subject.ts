/**
 * The process under pressure, as its test sees it.
 *
 * @module
 */
import { connect, type ConnectionOptions, type WebSocketConnection } from "../../../mod.ts";
import { type Child, ownRuntime, startFile } from "../../support/runtimes.ts";
import type { ConsumerWay } from "./consumers.ts";
import { FREE_AT_ONCE } from "./memory.ts";

/** The options of its connections. */
export type SubjectOptions = Omit<ConnectionOptions, "messages">;

/** What the process does with a connection. */
export type Way = "offer" | "flood" | ConsumerWay;

/** What it is asked, or told. */
export type Question =
  | { do: "connect"; url: string }
  | { do: "memory" }
  | { do: "litter" }
  | { do: "state" | "send" | "read" | "closed"; id: string }
  | { do: "limit"; id: string; size: number };

/** What it answers. */
export interface Answer {
  failed?: string | undefined;
  peak?: number | undefined;
  readyState?: number | undefined;
  bufferedAmount?: number | undefined;
  messagesReceived?: number | undefined;
  sent?: number | undefined;
  mostBuffered?: number | undefined;
  accepted?: boolean | undefined;
  size?: number | undefined;
  bytes?: number | undefined;
  messages?: number | undefined;
  wasClean?: boolean | undefined;
  closeCode?: number | undefined;
  option?: string | undefined;
}

/** The process. `await using` ends it. */
export class Subject implements AsyncDisposable {
  readonly #child: Child;
  readonly #control: WebSocketConnection;
  readonly #ports: readonly number[];
  readonly #waiting = new Map<number, PromiseWithResolvers<Answer>>();
  #count = 0;

  private constructor(child: Child, control: WebSocketConnection, ports: readonly number[]) {
    this.#child = child;
    this.#control = control;
    this.#ports = ports;
    void this.#listen();
  }

  /** Starts it on the runtime that runs this; its connections have these options. */
  static async start(options: SubjectOptions = {}): Promise<Subject> {
    const program = new URL("../programs/pressure.ts", import.meta.url);
    const args = [JSON.stringify(options)];
    const child = startFile(ownRuntime, program, { args, env: FREE_AT_ONCE });
    try {
      const [line] = await child.printed(/\{"ports":.*\}/);
      const { ports } = JSON.parse(line) as { ports: number[] };
      const control = await connect(`ws://127.0.0.1:${ports[0]}/control`);
      return new Subject(child, control, ports);
    } catch (error) {
      await child.stop();
      throw error;
    }
  }

  /** Where to connect to, for a connection of that name which is treated so. */
  url(id: string, way: Way): string {
    const server = way === "pieces" ? 2 : way === "handler" || way === "pause" ? 1 : 0;
    return `ws://127.0.0.1:${this.#ports[server]}/?id=${id}&way=${way}`;
  }

  /**
   * Asks it.
   *
   * @throws {Error} with what it said, if it failed or went away (rejects).
   */
  async ask(question: Question): Promise<Answer> {
    const number = this.#count++, waiting = Promise.withResolvers<Answer>();
    this.#waiting.set(number, waiting);
    this.#control.send(JSON.stringify([number, question]));
    const answer = await waiting.promise;
    if (answer.failed !== undefined) throw new Error(`${question.do}: ${answer.failed}`);
    return answer;
  }

  /** The peak of its resident memory, in bytes. */
  async peak(): Promise<number> {
    return (await this.ask({ do: "memory" })).peak ?? NaN;
  }

  /** The same, after it has made the garbage that its runtime lets lie. */
  async peakWithGarbage(): Promise<number> {
    return (await this.ask({ do: "litter" })).peak ?? NaN;
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#control.terminate();
    await this.#child.stop();
  }

  async #listen(): Promise<void> {
    try {
      for await (const text of this.#control) {
        const [number, answer] = JSON.parse(String(text)) as [number, Answer];
        this.#waiting.get(number)?.resolve(answer);
        this.#waiting.delete(number);
      }
    } catch {
      // It went away: said below.
    }
    const error = new Error(`The process went away; it said: ${this.#child.output}`);
    for (const { reject } of this.#waiting.values()) reject(error);
  }
}

/**
 * Resolves once the figure has been above 0 and the same for a while. A busy machine may make that
 * too early: what is asserted then holds all the more.
 */
export async function untilStill(figure: () => number | Promise<number>): Promise<number> {
  for (let last = 0, same = 0;;) {
    const now = await figure();
    same = now === last && now > 0 ? same + 1 : 0;
    if (same === 15) return now;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
