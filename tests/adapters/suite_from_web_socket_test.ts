import { fromWebSocket } from "../../mod.ts";
import type { FromWebSocketOptions } from "../../mod.ts";
import { ownRuntime } from "../support/runtimes.ts";
import { describeAdapter } from "./suite.ts";
import { watched } from "./suite/case.ts";
import { clientEndpoint } from "./suite/clients.ts";

describeAdapter(
  "fromWebSocket",
  clientEndpoint((url, each, { onError, side }) =>
    fromWebSocket(new WebSocket(url), {
      ...(each.options as FromWebSocketOptions),
      onError,
      anyCloseCode: ownRuntime === "bun", // as the standard does not ask for
      websocket: watched(each, side),
    })
  ),
);
