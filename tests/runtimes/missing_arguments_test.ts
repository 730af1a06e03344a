/** A call without its arguments, or with others in their place, says which one is missing. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connect, fromByteStream, fromWebSocket } from "../../mod.ts";
import { upgrade as upgradeBun, websocketWith } from "../../lib/adapters/bun/mod.ts";
import { upgrade as upgradeDeno } from "../../lib/adapters/deno.ts";
import { upgrade as upgradeNode } from "../../lib/adapters/node/mod.ts";
import { accept, listen } from "../../lib/server/mod.ts";
import { Rig } from "../adapters/node_http_support.ts";
import { until } from "../support/until.ts";
import { FakeWebSocket } from "../link/fake_web_socket.ts";
import { requestText } from "../support/opening.ts";

const guard = { timeout: 60_000 };
const onDeno = "Deno" in globalThis;

type Call = (...values: unknown[]) => unknown;
const request = new Request("http://localhost/");
const bunServer = { upgrade: () => true, requestIP: () => null };
const socket = { write() {}, destroy() {}, on() {} };
const nodeRequest = { method: "GET", url: "/", httpVersion: "1.1", rawHeaders: [] };

const calls: [string, Call, unknown[], RegExp, boolean?][] = [
  ["listen", listen as Call, [], /^Cannot listen: the options must be an object with .* websocket/],
  ["listen", listen as Call, [null], /^Cannot listen: the options must be an object .* got null/],
  ["listen", listen as Call, [8080], /^Cannot listen: the options must be an object .* got number/],
  ["listen", listen as Call, [{}], /^Cannot listen: the option websocket .* is missing/],
  ["connect", connect as Call, [], /^Cannot connect: the first argument must be the URL/],
  ["accept", accept as Call, [], /^Cannot use byte stream: it must be an object with readable/],
  ["accept", accept as Call, [{}], /^Cannot use byte stream: readable must be a ReadableStream/],
  ["accept", accept as Call, [{}, null], /the options must be an object, got null/],
  ["accept", accept as Call, [{}, []], /the options must be an object, got Array/],
  [
    "fromByteStream",
    fromByteStream as Call,
    [],
    /^Cannot use byte stream: the options must have role, readable and writable, got undefined/,
  ],
  ["fromByteStream", fromByteStream as Call, [{}], /role must be "client" or "server"/],
  [
    "fromByteStream",
    fromByteStream as Call,
    [{ role: "client" }],
    /readable must be a ReadableStream, got undefined/,
  ],
  [
    "fromWebSocket",
    fromWebSocket as Call,
    [],
    /^Cannot use WebSocket: the first argument must have the interface .* got undefined/,
  ],
  ["fromWebSocket", fromWebSocket as Call, ["ws://localhost"], /interface .* got string/],
  ["fromWebSocket", fromWebSocket as Call, [{}], /interface .* got Object/],
  ["fromWebSocket", fromWebSocket as Call, [new FakeWebSocket(), null], /an object, got null/],
  ["upgrade of ./bun", upgradeBun as Call, [], /^Cannot upgrade: request must be a Request, got/],
  ["upgrade of ./bun", upgradeBun as Call, [request], /server must be the second argument of/],
  [
    "upgrade of ./bun",
    upgradeBun as Call,
    [request, { websocket: {} }],
    /server must be the second argument of the function fetch, got Object/,
  ],
  [
    "upgrade of ./bun",
    upgradeBun as Call,
    [request, bunServer],
    /^Cannot upgrade: the options must be an object with the option websocket .* got undefined/,
  ],
  ["websocketWith", websocketWith as Call, [null], /the options must be an object, got null/],
  ["upgrade of ./deno", upgradeDeno as Call, [], /request must be a Request, got undefined/, true],
  [
    "upgrade of ./deno",
    upgradeDeno as Call,
    [request],
    /^Cannot upgrade: the options must be an object with the option websocket .* got undefined/,
    true,
  ],
  ["upgrade of ./node", upgradeNode as Call, [], /^Cannot upgrade: the arguments must be those of/],
  ["upgrade of ./node", upgradeNode as Call, [null], /^Cannot upgrade: the arguments must be/],
  ["upgrade of ./node", upgradeNode as Call, [{}, {}], /^Cannot upgrade: the arguments must be/],
  ["upgrade of ./node", upgradeNode as Call, [nodeRequest], /second argument must be the socket/],
  ["upgrade of ./node", upgradeNode as Call, [socket], /^Cannot upgrade: the arguments must be/],
];

describe("a call says which argument is missing", () => {
  for (const [name, call, values, message, denoOnly = false] of calls) {
    const skip = denoOnly && !onDeno;
    it(`${name}: ${message.source}`, { ...guard, skip }, async () => {
      let error: unknown;
      try {
        await call(...values);
      } catch (thrown) {
        error = thrown;
      }
      assert.ok(error instanceof TypeError, String(error));
      assert.match(error.message, /^Cannot /);
      assert.match(error.message, message);
    });
  }

  it(
    "upgrade of ./node without the head: 500 for the peer, the error for onError",
    guard,
    async () => {
      const errors: unknown[] = [];
      await using rig = await Rig.start("http");
      const [listener] = rig.server.listeners("upgrade") as Call[];
      rig.server.off("upgrade", listener);
      let given: unknown = "nothing";
      rig.server.on("upgrade", (request, socket) => {
        const options = { onError: (error: unknown) => void errors.push(error) };
        const call = upgradeNode as (...values: unknown[]) => Promise<unknown>;
        call(request, socket, undefined, options).then((value) => given = value);
      });
      assert.equal((await rig.answerTo(requestText())).status, 500);
      await until("upgrade resolves", () => given === undefined);
      assert.equal(errors.length, 1);
      assert.match(
        String(errors[0]),
        /TypeError: .*the third argument must be the head of the event/,
      );
    },
  );
});
