/**
 * Servers by hand, for connections that are a client's.
 *
 * @module
 */
import type { Transport } from "../../../lib/link/transport.ts";
import { listenTransport } from "../../../lib/transport/runtime.ts";
import type { Case, Rig } from "./case.ts";
import { compresses, type Endpoint, Line } from "./endpoint.ts";
import { readHead } from "./http.ts";
import { answerText } from "../../support/opening.ts";
import { Wire, WirePeer, within } from "./wire.ts";

/** Makes a connection to a URL for a case, in this process. */
export type ConnectCase = (url: string, each: Case, line: Line) => Promise<unknown>;

/** A client as an endpoint: its peer is a server of our own. */
export function clientEndpoint(connect: ConnectCase): Endpoint {
  return {
    async open(each): Promise<Rig> {
      const accepted = Promise.withResolvers<Transport>();
      const listener = await listenTransport({ hostname: "127.0.0.1" }, {
        onConnection: accepted.resolve,
        onError: accepted.reject,
      });
      try {
        const line = new Line();
        const connecting = connect(`ws://127.0.0.1:${listener.address.port}/`, each, line);
        connecting.catch(accepted.reject);
        const wire = new Wire(await within(accepted.promise, "the client"));
        const far = await answer(wire, each);
        await within(connecting, "the client to open");
        return await line.rig(far, () => listener.close());
      } catch (error) {
        await listener.close();
        throw error;
      }
    },
  };
}

/** Reads the client's request and accepts it, with compression if both want it. */
async function answer(wire: Wire, each: Case): Promise<Pick<Rig, "peer" | "agreed">> {
  const { headers } = await readHead(wire);
  const agreed = each.compresses === true && compresses({ headers });
  const extension = "permessage-deflate; client_no_context_takeover";
  const lines = { "Sec-WebSocket-Extensions": agreed ? extension : undefined };
  await wire.write(answerText(headers.get("sec-websocket-key") ?? "", lines));
  return { peer: new WirePeer(wire, false), agreed };
}
