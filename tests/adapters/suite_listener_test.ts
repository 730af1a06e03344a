import { listen } from "../../lib/server/listen.ts";
import { describeAdapter } from "./suite.ts";
import { servedAt, serverEndpoint } from "./suite/endpoint.ts";

describeAdapter(
  "listen",
  serverEndpoint(async (options) => {
    const server = await listen({ ...options, hostname: "127.0.0.1" });
    return servedAt(server.address.port, () => server.shutdown());
  }),
);
