/**
 * A WebSocket to await: what comes waits until it is asked for. How much that can be is up to what
 * both sides agreed on, as nothing makes a browser's WebSocket read more slowly.
 */
export class Socket {
  #socket;
  #messages = [];
  #closed;
  #wake = () => {};

  /** Opens one. Rejects if that fails; `signal` closes it at any time. */
  static async open(path, signal) {
    signal.throwIfAborted();
    const socket = new Socket(new WebSocket(new URL(path, location.href.replace(/^http/, "ws"))));
    signal.addEventListener("abort", () => socket.#end(signal.reason), { once: true });
    await socket.#open();
    return socket;
  }

  constructor(socket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      this.#messages.push(data);
      this.#wake();
    };
    socket.onclose = ({ code, reason }) => {
      this.#end(new Error(reason || `The connection was lost (${code})`));
    };
  }

  /** Sends an ArrayBuffer as it is, and anything else as JSON. Throws once it is closed. */
  send(data) {
    if (this.#closed !== undefined) throw this.#closed;
    this.#socket.send(data instanceof ArrayBuffer ? data : JSON.stringify(data));
  }

  /** The next message: an ArrayBuffer, or the value of JSON. Rejects when there will be none. */
  async receive() {
    while (this.#messages.length === 0) {
      if (this.#closed !== undefined) throw this.#closed;
      await this.#change();
    }
    const data = this.#messages.shift();
    return typeof data === "string" ? JSON.parse(data) : data;
  }

  /** Closes it; what was sent before still goes out. */
  close() {
    this.#end(new Error("The connection is closed"));
  }

  async #open() {
    while (this.#socket.readyState === WebSocket.CONNECTING && this.#closed === undefined) {
      await this.#change();
    }
    if (this.#closed !== undefined) throw this.#closed;
  }

  #change() {
    return new Promise((resolve) => {
      this.#wake = this.#socket.onopen = resolve;
    });
  }

  #end(error) {
    this.#closed ??= error;
    this.#socket.close(1000);
    this.#wake();
  }
}
