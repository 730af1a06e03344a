import { createServer } from "node:https";
import { upgrade } from "../../lib/adapters/node/mod.ts";
import { listen } from "../../lib/server/listen.ts";
import { connectTransport } from "../../lib/transport/runtime.ts";
import { ca, cert, key } from "../certificates/mod.ts";
import { describeAdapter } from "./suite.ts";
import { listening, type Served, servedAt, serverEndpoint } from "./suite/endpoint.ts";

/** A server that is reached by TLS. */
function secureAt(port: number, close: () => Promise<void>): Served {
  const tls = { caCerts: [ca], serverName: "localhost" };
  const served = servedAt(
    port,
    close,
    () => connectTransport({ hostname: "127.0.0.1", port, tls }),
  );
  return { ...served, origin: served.origin.replace("http:", "https:") };
}

describeAdapter(
  "listen with TLS",
  serverEndpoint(async (options) => {
    const server = await listen({ ...options, hostname: "127.0.0.1", tls: { cert, key } });
    return secureAt(server.address.port, () => server.shutdown());
  }),
);

describeAdapter(
  "node:https",
  serverEndpoint(async (options) => {
    const server = createServer({ cert, key });
    server.on("upgrade", (request, socket, head) => void upgrade(request, socket, head, options));
    const port = await listening(server);
    return secureAt(port, () => new Promise((resolve) => server.close(() => resolve())));
  }),
);
