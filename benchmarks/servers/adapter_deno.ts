/** Echo behind Deno.serve by this library's adapter: by handlers or, told `iteration`, by `for await`. */
import process from "node:process";
import { upgrade } from "../../lib/adapters/deno.ts";
import { announce } from "./announce.ts";
import { echoOf } from "./echo.ts";

const websocket = echoOf(process.argv[2]);
Deno.serve(
  { port: 0, hostname: "127.0.0.1", onListen: ({ port }) => announce(port) },
  (request, info) => upgrade(request, { info, websocket }),
);
