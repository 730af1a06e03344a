import { createServer } from "node:http2";
import { upgrade } from "../../lib/adapters/node/mod.ts";
import { describeAdapter } from "./suite.ts";
import { serverEndpoint } from "./suite/endpoint.ts";
import { servedByHttp2 } from "./suite/http2.ts";

describeAdapter(
  "node:http2",
  serverEndpoint((options) => {
    const server = createServer({ settings: { enableConnectProtocol: true } });
    server.on("stream", (stream, headers) => void upgrade(stream, headers, options));
    return servedByHttp2(server);
  }, { http2: true }),
);
