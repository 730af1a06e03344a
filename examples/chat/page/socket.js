/**
 * A WebSocket that comes back by itself: half a second after it was lost, then later and later, up to
 * ten seconds; at once when the system says that the network is there again.
 */
export class LastingSocket {
  #url;
  #events;
  #socket;
  #timer;
  #failures = 0;

  /** `events` has `message(value)`, with the JSON that came, and `state(name, text)`. */
  constructor(url, events) {
    this.#url = url;
    this.#events = events;
    addEventListener("online", this.#online);
    this.#open();
  }

  /** Sends a value as JSON; false when there is no connection. */
  send(value) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(value));
    return true;
  }

  /** Ends for good. */
  close() {
    removeEventListener("online", this.#online);
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined; // so that its events mean nothing any more
    socket?.close(1000);
  }

  #online = () => {
    if (this.#timer !== undefined) this.#open();
  };

  #open() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#events.state("connecting", "Connecting…");
    const socket = this.#socket = new WebSocket(this.#url);
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      this.#failures = 0;
      this.#events.state("open", "Connected");
    };
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#events.message(JSON.parse(data));
    };
    socket.onclose = ({ reason }) => {
      if (socket === this.#socket) this.#lost(reason);
    };
  }

  #lost(reason) {
    // Not all pages at the same moment, when it was the server that went away.
    const wait = Math.min(500 * 2 ** this.#failures++, 10_000) * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(() => this.#open(), wait);
    this.#events.state("waiting", reason || "Connection lost, trying again…");
  }
}
