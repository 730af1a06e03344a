import { upgrade } from "../../lib/adapters/deno.ts";
import { ownRuntime } from "../support/runtimes.ts";
import { describeAdapter } from "./suite.ts";
import { servedAt, serverEndpoint } from "./suite/endpoint.ts";

describeAdapter(
  "Deno.serve",
  serverEndpoint((options) => {
    const settings = { port: 0, hostname: "127.0.0.1", onListen(): void {} };
    const server = Deno.serve(settings, async (request, info) => {
      try {
        return await upgrade(request, { ...options, info });
      } catch (error) {
        options.onError?.(error, { connection: undefined, request, remoteAddress: undefined });
        return new Response(null, { status: 500 });
      }
    });
    return Promise.resolve(servedAt(server.addr.port, () => server.shutdown()));
  }),
  { skip: ownRuntime === "deno" ? undefined : "Deno.serve is Deno's" },
);
