/** This library's WebSocket with event handlers, the same file on every runtime. */
import { WebSocket } from "../../mod.ts";
import { openStandard } from "./standard.ts";
import { serveRequests } from "./work.ts";

await serveRequests(openStandard(WebSocket));
