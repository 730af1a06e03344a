import { after } from "node:test";
import { describeAdapter } from "./suite.ts";
import { needsWorkerd, workerEndpoint } from "./suite/worker.ts";

const endpoint = workerEndpoint();

describeAdapter("fromWebSocket", endpoint, { ...needsWorkerd(), place: "workerd" });

after(() => endpoint.end());
