import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settleHook } from "../../lib/handshake/hook.ts";
import type { HandshakeResult } from "../../lib/handshake/hook.ts";

const OFFER = { protocols: ["a", "b"], supported: ["b"] };

describe("settleHook", () => {
  it("accepts undefined and an empty object, with the protocol that the server prefers", () => {
    for (const result of [undefined, {}]) {
      assert.deepEqual(settleHook(result, OFFER), {
        kind: "accept",
        protocol: "b",
        headers: [],
        data: undefined,
      });
    }
    const verdict = settleHook(undefined, { protocols: ["a"] });
    assert.equal(verdict.kind === "accept" && verdict.protocol, "");
  });

  it("accepts a decision: its protocol, headers and data", () => {
    const data = { user: 1 };
    assert.deepEqual(settleHook({ protocol: "a", headers: { "X-A": "1" }, data }, OFFER), {
      kind: "accept",
      protocol: "a",
      headers: [["X-A", "1"]],
      data,
    });
  });

  it("refuses with a Response, also one of another class", () => {
    const response = new Response("no", { status: 401 });
    assert.deepEqual(settleHook(response, OFFER), { kind: "refuse", response });
    const other = { status: 403, bodyUsed: false, [Symbol.toStringTag]: "Response" };
    const verdict = settleHook(other as unknown as Response, OFFER);
    assert.equal(verdict.kind, "refuse");
  });

  it("throws TypeError for a Response that cannot be sent", async () => {
    assert.throws(() => settleHook(Response.error(), OFFER), /status 0/);
    const switching = { status: 101, [Symbol.toStringTag]: "Response" } as unknown as Response;
    assert.throws(() => settleHook(switching, OFFER), { name: "TypeError", message: /status 101/ });
    const used = new Response("x");
    await used.text();
    assert.throws(() => settleHook(used, OFFER), { name: "TypeError", message: /already used/ });
  });

  it("throws TypeError for a result that is no object", () => {
    for (const result of [null, true, false, 403, "no", () => {}]) {
      assert.throws(() => settleHook(result as unknown as HandshakeResult, OFFER), {
        name: "TypeError",
        message: /the hook gave/,
      });
    }
  });

  it("throws TypeError for a protocol not offered or no string, and for a reserved header", () => {
    assert.throws(() => settleHook({ protocol: "c" }, OFFER), {
      name: "TypeError",
      message: /"c"/,
    });
    const number = { protocol: 1 } as unknown as HandshakeResult;
    assert.throws(() => settleHook(number, OFFER), { name: "TypeError", message: /a string/ });
    assert.throws(() => settleHook({ headers: { upgrade: "x" } }, OFFER), /"upgrade"/);
    assert.throws(() => settleHook({ headers: { "x-a": "b\r\nc" } }, OFFER), /"x-a"/);
  });
});
