/** The WebSocket that the runtime has itself. */
import { openStandard } from "./standard.ts";
import { serveRequests } from "./work.ts";

await serveRequests(openStandard(WebSocket));
