import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readHookResult } from "../../lib/handshake/hook.ts";
import { oddValues } from "../support/odd.ts";
import type { HandshakeResult } from "../../lib/handshake/hook.ts";

const OFFER = { protocols: ["a", "b"], supported: ["b"] };

describe("readHookResult", () => {
  it("accepts undefined and an empty object, with the protocol that the server prefers", () => {
    for (const result of [undefined, {}]) {
      assert.deepEqual(readHookResult(result, OFFER), {
        kind: "accept",
        protocol: "b",
        headers: [],
        data: undefined,
      });
    }
    const verdict = readHookResult(undefined, { protocols: ["a"] });
    assert.equal(verdict.kind === "accept" && verdict.protocol, "");
  });

  it("accepts a decision: its protocol, headers and data", () => {
    const data = { user: 1 };
    assert.deepEqual(readHookResult({ protocol: "a", headers: { "X-A": "1" }, data }, OFFER), {
      kind: "accept",
      protocol: "a",
      headers: [["X-A", "1"]],
      data,
    });
  });

  it("refuses with a Response, also one of another class", () => {
    const response = new Response("no", { status: 401 });
    assert.deepEqual(readHookResult(response, OFFER), { kind: "refuse", response });
    const other = { status: 403, bodyUsed: false, [Symbol.toStringTag]: "Response" };
    const verdict = readHookResult(other as unknown as Response, OFFER);
    assert.equal(verdict.kind, "refuse");
  });

  it("throws TypeError for a Response that cannot be sent", async () => {
    assert.throws(() => readHookResult(Response.error(), OFFER), /200 to 599, got 0$/);
    const switching = { status: 101, [Symbol.toStringTag]: "Response" } as unknown as Response;
    assert.throws(() => readHookResult(switching, OFFER), {
      name: "TypeError",
      message: /got 101 \(to accept, return undefined\)/,
    });
    const used = new Response("x");
    await used.text();
    assert.throws(() => readHookResult(used, OFFER), {
      name: "TypeError",
      message: /the body of the Response is already used; create a Response for each request/,
    });
  });

  it("throws TypeError for any other status than a final one, or a body that was read", () => {
    const statuses = [0, 100, 101, 199, 600, 999, 1000, NaN, 403.5, "403", undefined];
    for (const status of statuses) {
      const other = { status, headers: new Headers(), [Symbol.toStringTag]: "Response" };
      assert.throws(() => readHookResult(other as unknown as Response, OFFER), {
        name: "TypeError",
        message: new RegExp(`must have a status from 200 to 599, got ${status}`),
      });
    }
    const locked = new Response("x");
    locked.body!.getReader();
    assert.throws(
      () => readHookResult(locked, OFFER),
      /already (locked|used); create a Response for each/,
    );
  });

  it("throws TypeError for whatever is neither a Response nor a plain object", () => {
    class Denied {
      readonly data = 7;
    }
    const wrong: [unknown, RegExp][] = [
      [null, /it is null;/],
      [true, /it is true;/],
      [false, /it is false;/],
      [403, /it is 403;/],
      ["no", /it is the string "no";/],
      [() => {}, /it is a function;/],
      [Symbol("no"), /it is Symbol\(no\);/],
      [[], /it is an instance of Array;/],
      [["data", 7], /it is an instance of Array;/],
      [new Denied(), /it is an instance of Denied;/],
      [Object.create({ data: 7 }), /it is an instance of Object;/],
      [new Map([["data", 7]]), /it is an instance of Map;/],
      [new Headers(), /it is an instance of Headers;/],
      [new Uint8Array(1), /it is an instance of Uint8Array;/],
      [new Request("http://a/"), /it is an instance of Request;/],
    ];
    for (const [result, message] of wrong) {
      assert.throws(() => readHookResult(result as HandshakeResult, OFFER), (error) => {
        assert.ok(error instanceof TypeError);
        assert.match(error.message, message);
        assert.match(error.message, /return a Response to refuse, and undefined or an object with/);
        return true;
      });
    }
  });

  it("throws TypeError for an Error, with it as the cause", () => {
    const error = new RangeError("no rights");
    assert.throws(() => readHookResult(error as unknown as HandshakeResult, OFFER), {
      name: "TypeError",
      message: /it is an error \("no rights"\); return a Response/,
      cause: error,
    });
  });

  it("throws TypeError for a key that it does not know, and suggests the nearest", () => {
    const wrong: [object, RegExp][] = [
      [{ status: 401 }, /status is not a key of it \(to refuse, return a Response\); known: /],
      [{ data: 7, statusCode: 401 }, /statusCode is not a key of it/],
      [{ header: {} }, /header is not a key of it .*; did you mean headers\?$/],
      [{ protocols: "a" }, /protocols is not a key of it .*; did you mean protocol\?$/],
      [{ Data: 7 }, /Data is not a key of it .*; did you mean data\?$/],
      [JSON.parse('{ "__proto__": { "data": 7 } }'), /__proto__ is not a key of it/],
      [Object.assign(Object.create(null), { error: "no" }), /error is not a key of it/],
    ];
    for (const [result, message] of wrong) {
      assert.throws(() => readHookResult(result as HandshakeResult, OFFER), {
        name: "TypeError",
        message,
      });
    }
  });

  it("looks away from a key whose value is undefined, and takes an object without a prototype", () => {
    const decision = { data: 7, protocol: undefined, headers: undefined, status: undefined };
    for (const result of [decision, Object.assign(Object.create(null), decision)]) {
      const verdict = readHookResult<number>(result, OFFER);
      assert.deepEqual(verdict, { kind: "accept", protocol: "b", headers: [], data: 7 });
    }
  });

  it("throws no more than a TypeError for what cannot be looked at", () => {
    for (const [name, value] of oddValues()) {
      if (value === undefined) continue;
      // An object without a prototype and without keys is an empty decision.
      if (name === "an object without a prototype") continue;
      assert.throws(() => readHookResult(value as HandshakeResult, OFFER), Error, name);
    }
  });

  it("throws TypeError for a protocol not offered or no string, and for a reserved header", () => {
    assert.throws(() => readHookResult({ protocol: "c" }, OFFER), {
      name: "TypeError",
      message: /"c"/,
    });
    const number = { protocol: 1 } as unknown as HandshakeResult;
    assert.throws(() => readHookResult(number, OFFER), {
      name: "TypeError",
      message: /must be a string/,
    });
    assert.throws(() => readHookResult({ headers: { upgrade: "x" } }, OFFER), /"upgrade"/);
    assert.throws(() => readHookResult({ headers: { "x-a": "b\r\nc" } }, OFFER), /"x-a"/);
  });
});
