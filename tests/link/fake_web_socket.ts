/** A WebSocket that does nothing by itself: a test says what it tells. */
import type { WebSocketEventLike, WebSocketLike } from "../../lib/connection/web_socket.ts";

export class FakeWebSocket implements WebSocketLike {
  readyState: number;
  bufferedAmount = 0;
  protocol = "";
  extensions = "";
  url: string | null = "ws://fake/";
  binaryType = "blob";
  /** Every close code is taken, as on a server's socket. */
  takesAnyCode = false;
  readonly sent: (string | Uint8Array)[] = [];
  readonly closes: (number | string | undefined)[][] = [];
  readonly #listeners = new Map<string, ((event: WebSocketEventLike) => void)[]>();

  constructor(readyState = 1) {
    this.readyState = readyState;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.sent.push(typeof data === "string" ? data : data.slice());
  }

  close(...status: [code?: number, reason?: string]): void {
    const [code = 1000] = status;
    if (!this.takesAnyCode && code !== 1000 && (code < 3000 || code > 4999)) {
      throw new DOMException("refused", "InvalidAccessError");
    }
    this.closes.push(status);
    this.readyState = 2;
  }

  addEventListener(type: string, listener: (event: WebSocketEventLike) => void): void {
    this.#listeners.set(type, [...this.#listeners.get(type) ?? [], listener]);
  }

  tell(type: string, more: Partial<WebSocketEventLike> = {}): void {
    for (const listener of this.#listeners.get(type) ?? []) listener({ ...more, type });
  }

  opens(): void {
    this.readyState = 1;
    this.tell("open");
  }

  says(...messages: unknown[]): void {
    for (const data of messages) this.tell("message", { data });
  }

  /** As the standard has it, it is closed when it tells so; a Worker's socket is closing. */
  ends(event: { code: number; reason?: string; wasClean?: boolean }, readyState = 3): void {
    this.readyState = readyState;
    this.tell("close", { reason: "", wasClean: event.code !== 1006, ...event });
  }
}
