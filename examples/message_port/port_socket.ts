/**
 * WebSocket over a MessagePort, with the handshakes and the compression of the RFCs: what another
 * transport needs, built on `@sluice/websocket/protocol` alone.
 *
 * @module
 */
import {
  ClientUpgrade,
  type CloseStatus,
  type MessageData,
  Protocol,
  ServerUpgrade,
  type Upgraded,
} from "../../lib/protocol/mod.ts"; // "@sluice/websocket/protocol"

type OnMessage = (data: MessageData) => void;
const options = { perMessageDeflate: true };

/** One end of an open connection. */
export class PortSocket {
  readonly #port: MessagePort;
  readonly #protocol: Protocol;
  readonly #closed = Promise.withResolvers<CloseStatus | undefined>();

  constructor(port: MessagePort, { init, rest }: Upgraded, onMessage: OnMessage) {
    this.#port = port;
    this.#protocol = new Protocol(init, { onClosing: () => this.#protocol.answer() });
    this.#protocol.start({ onMessage }, { onPing() {}, onPong() {} });
    port.onmessage = ({ data }): void => this.#receive(data);
    if (rest.length > 0) this.#receive(rest);
  }

  /** Asks the other end of the port for a connection. */
  static async connect(port: MessagePort, onMessage: OnMessage): Promise<PortSocket> {
    const upgrade = new ClientUpgrade("ws://port.example/", options);
    port.postMessage(upgrade.request);
    for (;;) {
      const opened = upgrade.receive(await nextChunk(port));
      if (opened !== undefined) return new PortSocket(port, opened, onMessage);
    }
  }

  /** Waits until the other end asks, and accepts. */
  static async accept(port: MessagePort, onMessage: OnMessage): Promise<PortSocket> {
    const upgrade = new ServerUpgrade(options);
    while (upgrade.receive(await nextChunk(port)) === undefined);
    const accepted = upgrade.accept();
    port.postMessage(accepted.response);
    return new PortSocket(port, accepted, onMessage);
  }

  /** Resolves with the peer's Close, or with undefined if it broke the protocol. */
  get closed(): Promise<CloseStatus | undefined> {
    return this.#closed.promise;
  }

  send(data: string | Uint8Array): void {
    this.#protocol.encoder.message(data);
    this.#flush();
  }

  close(closeCode = 1000, reason = ""): void {
    this.#protocol.close({ closeCode, reason });
    this.#flush();
  }

  #receive(bytes: Uint8Array): void {
    this.#protocol.receive(bytes);
    this.#flush();
  }

  #flush(): void {
    const { output, closeReceived } = this.#protocol;
    if (output.length > 0) this.#port.postMessage(output.take());
    const state = this.#protocol.move("flush");
    if (state !== "finished" && state !== "lingering") return;
    this.#port.close();
    this.#closed.resolve(closeReceived);
  }
}

function nextChunk(port: MessagePort): Promise<Uint8Array> {
  return new Promise((resolve) => port.onmessage = ({ data }): void => resolve(data));
}
