/** The WebSockets of a tab as the browser's network panel has them. */
import type { Tab } from "../support/chromium.ts";

/** A frame as it is shown: its payload unmasked, inflated, and in base64 if it is binary. */
export interface ShownFrame {
  opcode: number;
  mask: boolean;
  payloadData: string;
}

/** One WebSocket, a line of the panel. Names of headers are in lower case. */
export interface ShownWebSocket {
  url: string;
  request: Record<string, string>;
  status: number;
  response: Record<string, string>;
  sent: ShownFrame[];
  received: ShownFrame[];
  errors: string[];
}

/** What the events of the domain Network tell, as far as it is used. */
interface EventParams {
  requestId: string;
  url: string;
  request: { headers: Record<string, string> };
  response: { status: number; headers: Record<string, string> } & ShownFrame;
  errorMessage: string;
}

/** Watches the WebSockets of a tab. */
export class NetworkPanel {
  readonly #shown = new Map<string, ShownWebSocket>();
  readonly #closed = new Map<string, PromiseWithResolvers<ShownWebSocket>>();

  private constructor() {}

  /** Opens it: it shows what begins from now on. */
  static async open(tab: Tab): Promise<NetworkPanel> {
    const panel = new NetworkPanel();
    await tab.observe("Network", (method, params) => panel.#add(method, params as EventParams));
    return panel;
  }

  /** Resolves with what is shown of the WebSocket with this URL, once that is shown as closed. */
  closed(url: string): Promise<ShownWebSocket> {
    let closed = this.#closed.get(url);
    if (closed === undefined) this.#closed.set(url, closed = Promise.withResolvers());
    return closed.promise;
  }

  #add(method: string, params: EventParams): void {
    if (method === "Network.webSocketCreated") {
      const { requestId, url } = params;
      const [sent, received, errors] = [[], [], []];
      const shown = { url, request: {}, status: 0, response: {}, sent, received, errors };
      this.#shown.set(requestId, shown);
    }
    const shown = this.#shown.get(params.requestId);
    if (shown === undefined) return; // the page, its icon
    const { request, response } = params;
    switch (method) {
      case "Network.webSocketWillSendHandshakeRequest":
        shown.request = lowerCased(request.headers);
        break;
      case "Network.webSocketHandshakeResponseReceived":
        shown.status = response.status;
        shown.response = lowerCased(response.headers);
        break;
      case "Network.webSocketFrameSent":
        shown.sent.push(response);
        break;
      case "Network.webSocketFrameReceived":
        shown.received.push(response);
        break;
      case "Network.webSocketFrameError":
        shown.errors.push(params.errorMessage);
        break;
      case "Network.webSocketClosed":
        void this.closed(shown.url);
        this.#closed.get(shown.url)?.resolve(shown);
    }
  }
}

function lowerCased(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
