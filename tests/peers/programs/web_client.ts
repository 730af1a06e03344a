/** The runtime's own WebSocket client: Deno's, Bun's or Node's. */
import { answer, obey, type PeerSocket, tell } from "./peer.ts";

/** Bun's client can ping; the others have no such method. */
interface MaybePinging {
  ping?(payload: string): void;
  addEventListener(type: "pong", listener: (event: { data: ArrayBuffer }) => void): void;
}

obey(({ id, url, protocols }) => {
  const socket = new WebSocket(url, protocols);
  socket.binaryType = "arraybuffer";
  const pinging = socket as unknown as MaybePinging;
  const peer: PeerSocket = {
    send: (data) => socket.send(data),
    close: (code, reason) => socket.close(code, reason),
    ping: pinging.ping === undefined ? undefined : (payload) => pinging.ping?.(payload),
  };
  pinging.addEventListener("pong", ({ data }) => {
    socket.send(`pong ${new TextDecoder().decode(data)}`);
  });
  let opened = false;
  socket.addEventListener("open", () => {
    opened = true;
    tell({ id, event: "open", protocol: socket.protocol });
  });
  socket.addEventListener("message", ({ data }) => answer(peer, data));
  socket.addEventListener("close", ({ code, reason, wasClean }) => {
    tell(opened ? { id, event: "closed", code, reason, wasClean } : { id, event: "failed" });
  });
});
tell({ event: "ready" });
