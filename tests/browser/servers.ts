/** The servers that a runtime has, all in one child process: programs/servers.ts. */
import type { CloseInfo } from "../../mod.ts";
import { type Child, type RuntimeName, startFile } from "../support/runtimes.ts";

/** What a server is made with. */
export type ServerKind = "listen" | "Deno.serve" | "Bun.serve" | "node:http" | "node:http2";

/** What each runtime has. */
export const kindsOf: Record<RuntimeName, ServerKind[]> = {
  deno: ["listen", "Deno.serve", "node:http", "node:http2"],
  bun: ["listen", "Bun.serve", "node:http", "node:http2"],
  node: ["listen", "node:http", "node:http2"],
};

/** What a server knows of a connection that is over. */
export interface Ended {
  /** From the URL's query: which it was. */
  id: string;
  protocol: string;
  extensions: string;
  received: CloseInfo["received"];
}

/** The servers of one runtime. `await using` ends them. */
export class Servers implements AsyncDisposable {
  readonly #child: Child;
  readonly #ports: Record<string, number>;

  private constructor(child: Child, ports: Record<string, number>) {
    this.#child = child;
    this.#ports = ports;
  }

  /** Starts them. */
  static async start(name: RuntimeName): Promise<Servers> {
    const child = startFile(name, new URL("programs/servers.ts", import.meta.url));
    try {
      const [, ports] = await child.printed(/^ports (.*)\n/m);
      return new Servers(child, JSON.parse(ports));
    } catch (error) {
      await child.stop();
      throw error;
    }
  }

  /** Where a server is: by this name its certificate knows it. */
  host(kind: ServerKind): string {
    return `localhost:${this.#ports[kind]}`;
  }

  /** Resolves with what the server knows of a connection, once that is over. */
  async ended(id: string): Promise<Ended> {
    const [, ended] = await this.#child.printed(new RegExp(`^ended (\\{"id":"${id}".*)\\n`, "m"));
    return JSON.parse(ended);
  }

  /** Ends them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop();
  }
}
