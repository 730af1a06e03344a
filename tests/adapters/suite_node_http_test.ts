import { createServer } from "node:http";
import { upgrade } from "../../lib/adapters/node/mod.ts";
import { describeAdapter } from "./suite.ts";
import { servedBy, serverEndpoint } from "./suite/endpoint.ts";

describeAdapter(
  "node:http",
  serverEndpoint((options) => {
    const server = createServer();
    server.on("upgrade", (request, socket, head) => void upgrade(request, socket, head, options));
    return servedBy(server);
  }),
);
