import type { Transport } from "../../lib/link/transport.ts";
import { ServerHandshake } from "../../lib/server/handshake.ts";
import { readServerOptions } from "../../lib/server/options.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { describeAdapter } from "./suite.ts";
import { type Served, servedAt, type ServeOptions, serverEndpoint } from "./suite/endpoint.ts";

function serve<Data>(options: ServeOptions<Data>): Promise<Served> {
  const settings = readServerOptions<Data>(options);
  const connect = (): Promise<Transport> => {
    const { client, server } = memoryTransportPair();
    const opening = new ServerHandshake(server, settings, {
      boundToLoopback: true,
      onOpen(): void {},
      onEnd(): void {},
    });
    opening.start();
    return Promise.resolve(client);
  };
  return Promise.resolve(servedAt(8080, () => Promise.resolve(), connect));
}

describeAdapter("in memory", serverEndpoint(serve, { knowsAddress: false }));
