import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { parseExtensions } from "../../lib/handshake/grammar.ts";
import { offerForBun } from "../../lib/adapters/bun/offer.ts";

describe("the offer that Bun is shown", () => {
  const name = "permessage-deflate";
  for (
    const [why, offered, shown] of [
      ["nothing for nothing", "", ""],
      ["nothing for another extension", "x-webkit-deflate-frame", ""],
      ["the plain one", name, name],
      ["the first that can be fulfilled", `foo, ${name}; bar, ${name}`, name],
      ["no hints of what the client does", `${name}; client_max_window_bits`, name],
      ["the same, with a value", `${name}; client_max_window_bits=10`, name],
      ["the same, of contexts", `${name}; client_no_context_takeover`, name],
      [
        "that we are to forget",
        `${name}; server_no_context_takeover`,
        `${name}; server_no_context_takeover`,
      ],
      [
        "a smaller window",
        `${name}; server_max_window_bits=9`,
        `${name}; server_max_window_bits=9`,
      ],
      [
        "a window one smaller than the largest, which Bun would leave out",
        `${name}; server_max_window_bits=15`,
        `${name}; server_max_window_bits=14`,
      ],
      ["threat 51: no window of 8 bits", `${name}; server_max_window_bits=8`, ""],
      [
        "none of two demands, of which Bun fulfils one",
        `${name}; server_max_window_bits=10; server_no_context_takeover`,
        "",
      ],
      ["threat 05: no window that is none", `${name}; server_max_window_bits=99`, ""],
      ["threat 05: nor one with a zero before it", `${name}; server_max_window_bits=09`, ""],
      ["nor a client's that is none", `${name}; client_max_window_bits=16`, ""],
      ["nothing with an unknown parameter", `${name}; foo`, ""],
      ["nothing with a value too many", `${name}; server_no_context_takeover=1`, ""],
      ["nothing with a value missing", `${name}; server_max_window_bits`, ""],
      [
        "nothing that comes twice",
        `${name}; client_no_context_takeover; client_no_context_takeover`,
        "",
      ],
      ["threat 11: no name of Object.prototype", `constructor, ${name}; __proto__`, ""],
    ]
  ) {
    it(`is ${why}`, () => {
      const offers = offered === "" ? [] : parseExtensions(offered);
      assert.equal(offerForBun(offers), shown);
    });
  }
});
