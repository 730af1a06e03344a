/** Deno's own server: Deno.serve and Deno.upgradeWebSocket. */
import { answer, obey, readTarget, tell, tls } from "./peer.ts";

function handle(request: Request): Response {
  const { id, refuse } = readTarget(request.url);
  if (refuse > 0) return new Response(`refused with ${refuse}`, { status: refuse });
  const offered = request.headers.get("sec-websocket-protocol") ?? "";
  const protocol = offered.includes("chat.2") ? "chat.2" : "";
  const { socket, response } = Deno.upgradeWebSocket(request, protocol === "" ? {} : { protocol });
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => {
    // The socket itself does not know: its `protocol` is empty whatever was agreed.
    tell({ id, event: "open", protocol });
  });
  socket.addEventListener("message", ({ data }) => answer(socket, data));
  socket.addEventListener("close", ({ code, reason, wasClean }) => {
    tell({ id, event: "closed", code, reason, wasClean });
  });
  return response;
}

const listening = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
const plain = Deno.serve(listening, handle);
const secure = Deno.serve({ ...listening, ...tls }, handle);
obey(() => {});
tell({ event: "ready", plain: plain.addr.port, secure: secure.addr.port });
