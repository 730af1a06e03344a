/** Echo behind node:http by this library's adapter, the same file on every runtime. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { upgrade } from "../../lib/adapters/node/mod.ts";
import { announce } from "./announce.ts";
import { echoOf } from "./echo.ts";

const websocket = echoOf(undefined);
const server = createServer();
server.on("upgrade", (request, socket, head) => upgrade(request, socket, head, { websocket }));
server.listen(0, "127.0.0.1", () => announce((server.address() as AddressInfo).port));
