import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  formatExtensions,
  isToken,
  listHas,
  parseExtensions,
  parseTokenList,
  quote,
  trimSpace,
} from "../../lib/handshake/grammar.ts";
import type { ExtensionOffer } from "../../lib/message/extension.ts";
import { fuzzRuns, handshakeError } from "./support.ts";

const parsed = (value: string): unknown[] =>
  parseExtensions(value).map(({ name, params }) => [name, [...params]]);

describe("tokens", () => {
  it("has exactly the characters of RFC 9110 section 5.6.2", () => {
    let characters = "";
    for (let code = 0; code < 0x120; code++) {
      const character = String.fromCharCode(code);
      if (isToken(character)) characters += character;
    }
    assert.equal(
      characters,
      "!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~",
    );
  });

  it("has at least one character, and each of a token's is checked", () => {
    assert.equal(isToken(""), false);
    assert.equal(isToken("a b"), false);
    assert.equal(isToken("ab\n"), false);
    assert.equal(isToken("v1.chat"), true);
  });
});

describe("listHas", () => {
  it("finds an item in any case, among others, in any of the values", () => {
    assert.equal(listHas(["keep-alive, \tUPGRADE "], "upgrade"), true);
    assert.equal(listHas(["keep-alive", "Upgrade"], "upgrade"), true);
    assert.equal(listHas(["keep-alive", ",,"], "upgrade"), false);
    assert.equal(listHas(["upgraded"], "upgrade"), false);
    assert.equal(listHas([], "upgrade"), false);
  });

  it("takes only spaces and tabs for white space", () => {
    assert.equal(listHas(["\xa0upgrade"], "upgrade"), false);
    assert.equal(trimSpace("\t a b\xa0 \t"), "a b\xa0");
    assert.equal(trimSpace(" \t "), "");
  });
});

describe("quote", () => {
  it("escapes, and shortens what is long", () => {
    assert.equal(quote('a"\r\n'), '"a\\"\\r\\n"');
    assert.equal(quote("\x1b\x7f\x9b\xe9\u2028~ "), '"\\u001b\\u007f\\u009b\\u00e9\\u2028~ "');
    assert.ok(quote("x".repeat(5000)).length < 120);
  });
});

describe("parseTokenList (RFC 6455 section 4.3: 1#token)", () => {
  it("returns the tokens in order, with any space around the commas", () => {
    assert.deepEqual(parseTokenList("chat"), ["chat"]);
    assert.deepEqual(parseTokenList(" chat ,superchat\t, x "), ["chat", "superchat", "x"]);
  });

  it("passes over empty elements (RFC 9110 section 5.6.1.2)", () => {
    assert.deepEqual(parseTokenList(", chat,, \t,superchat,"), ["chat", "superchat"]);
  });

  it("refuses with 400 what is no list of tokens, and says where", () => {
    const bad: [string, number][] = [
      ["", 0],
      [" , ,", 4],
      ["a b", 2],
      ["a;b", 1],
      ['"a"', 0],
      ["a,\xff", 2],
      ["a,b/c", 3],
      ["a\r\nb", 1],
    ];
    for (const [value, at] of bad) {
      handshakeError(() => parseTokenList(value), {
        code: "PROTOCOL_HEADER",
        status: 400,
        message: new RegExp(`^Cannot parse Sec-WebSocket-Protocol header: .* at offset ${at}$`),
      });
    }
  });
});

describe("parseExtensions (RFC 6455 section 9.1)", () => {
  it("reads the RFC's own examples", () => {
    assert.deepEqual(parsed("foo, bar; baz=2"), [["foo", []], ["bar", [["baz", "2"]]]]);
    assert.deepEqual(parsed("deflate-stream"), [["deflate-stream", []]]);
    assert.deepEqual(parsed("mux; max-channels=4; flow-control, deflate-stream"), [
      ["mux", [["max-channels", "4"], ["flow-control", true]]],
      ["deflate-stream", []],
    ]);
    assert.deepEqual(parsed("private-extension"), [["private-extension", []]]);
  });

  it("keeps the order of alternatives of one extension", () => {
    assert.deepEqual(parsed("a; x, a; y, a"), [["a", [["x", true]]], ["a", [["y", true]]], [
      "a",
      [],
    ]]);
  });

  it("unescapes a quoted value, which must be a token then", () => {
    assert.deepEqual(parsed('a; b="10"'), [["a", [["b", "10"]]]]);
    assert.deepEqual(parsed('a; b="\\1\\0x" ;c'), [["a", [["b", "10x"], ["c", true]]]]);
    for (const value of ['a; b=""', 'a; b="1 0"', 'a; b="\\""', 'a; b="a,b"', 'a; b="\xe9"']) {
      handshakeError(() => parseExtensions(value), { status: 400, message: /must be a token/ });
    }
  });

  it("allows spaces around each separator, and empty elements of the list", () => {
    assert.deepEqual(parsed(",a ; b = 1 ;\tc , ,d,"), [
      ["a", [["b", "1"], ["c", true]]],
      ["d", []],
    ]);
  });

  it("reports a parameter that comes twice in one extension, which breaks no grammar", () => {
    assert.deepEqual(parseExtensions("a; b=1; c; B; c; b=2, a; b, a; b"), [
      {
        name: "a",
        params: new Map<string, string | true>([["b", "1"], ["c", true], ["B", true]]),
        repeated: "c",
      },
      { name: "a", params: new Map([["b", true]]) },
      { name: "a", params: new Map([["b", true]]) },
    ]);
    // Each of them has to keep to the grammar.
    handshakeError(() => parseExtensions("a; b=1; b="), { code: "EXTENSIONS_HEADER", status: 400 });
  });

  it("refuses with 400 what breaks the grammar", () => {
    const bad = [
      "",
      ",",
      ";a",
      "a;",
      "a;;b",
      "a; =1",
      "a; b=",
      "a b",
      "a=b",
      "a; b=1 2",
      'a; b="1',
    ];
    for (const value of [...bad, 'a; b="1"2', 'a; b="1\\', "a; b=\xff", "\xff", "a/b", "a; b c"]) {
      handshakeError(() => parseExtensions(value), { code: "EXTENSIONS_HEADER", status: 400 });
    }
  });

  it("returns extensions or a HandshakeError for any text", () => {
    const piece = fc.constantFrom("a", "b", ";", ",", "=", '"', "\\", " ", "\t", "\xff", "\0");
    const text = fc.array(fc.oneof(piece, piece, fc.string({ maxLength: 2 }))).map((a) =>
      a.join("")
    );
    fc.assert(
      fc.property(text, (value) => {
        for (const parse of [parseExtensions, parseTokenList]) {
          try {
            assert.ok(parse(value).length > 0);
          } catch {
            handshakeError(() => parse(value), { status: 400 });
          }
        }
      }),
      { numRuns: fuzzRuns() },
    );
  });
});

describe("formatExtensions", () => {
  it("is the inverse of parseExtensions", () => {
    const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,8}$/);
    const extension: fc.Arbitrary<ExtensionOffer> = fc.record({
      name: token,
      params: fc.uniqueArray(fc.tuple(token, fc.oneof(token, fc.constant(true as const))), {
        selector: ([name]) => name,
        maxLength: 4,
      }).map((pairs) => new Map(pairs)),
    }, { noNullPrototype: true });
    fc.assert(
      fc.property(fc.array(extension, { minLength: 1, maxLength: 4 }), (extensions) => {
        assert.deepEqual(parseExtensions(formatExtensions(extensions)), extensions);
      }),
      { numRuns: fuzzRuns() },
    );
  });

  it("refuses names and values that are no tokens", () => {
    const bad: [string, string, string][] = [["a b", "c", "d"], ["a", "", "d"], [
      "a",
      "c",
      "d\r\n",
    ]];
    for (const [name, param, value] of bad) {
      const extension = { name, params: new Map([[param, value]]) };
      assert.throws(() => formatExtensions([extension]), TypeError);
    }
  });
});
