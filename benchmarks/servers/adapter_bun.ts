/** Echo behind Bun.serve by this library's adapter: by handlers or, told `iteration`, by `for await`. */
import process from "node:process";
import { upgrade, websocket as shared } from "../../lib/adapters/bun/mod.ts";
import { announce } from "./announce.ts";
import { bun } from "./bun.ts";
import { echoOf } from "./echo.ts";

const websocket = echoOf(process.argv[2]);
const server = bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request, server) => upgrade(request, server, { websocket }),
  websocket: shared,
});
announce(server.port);
