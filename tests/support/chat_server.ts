/** Servers of a network in memory: one that echoes, and one whose handshakes and frames a test writes itself. */
import { listen, type ListenOptions, type WebSocketServer } from "../../lib/server/mod.ts";
import { Network, RawPeer } from "../../lib/testing/mod.ts";

/** Where both listen. */
export const CHAT_URL = "ws://chat.example/";
const PLACE = { hostname: "chat.example", port: 80 };

/** A server that echoes, and chooses the subprotocol "chat". What it refuses is not printed. */
export async function serveChat(
  given: Partial<Omit<ListenOptions, "network">> & { network?: Network } = {},
): Promise<{ network: Network; server: WebSocketServer }> {
  const { network = new Network() } = given;
  const server = await listen({
    ...PLACE,
    protocols: ["chat"],
    onRefused: () => {},
    websocket: { message: (own, data) => void own.send(data) },
    ...given,
    network,
  });
  return { network, server };
}

/** The option `handshake` of a server that refuses the path `/no`. */
export function refuseNo(request: Request): Response | Record<never, never> {
  return request.url.endsWith("/no") ? new Response("", { status: 403 }) : {};
}

/** What takes connections as raw peers. */
export async function serveRaw(network: Network = new Network()): Promise<
  { network: Network; listener: Awaited<ReturnType<typeof RawPeer.listen>> }
> {
  return { network, listener: await RawPeer.listen(network, PLACE) };
}
