import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HeaderLines } from "../../lib/handshake/head.ts";

describe("HeaderLines", () => {
  const lines: [string, string][] = [["Via", "a"], ["Set-Cookie", "x=1, 2"], ["via", "b"]];

  it("keeps each line, in order, with the name in lower case", () => {
    const headers = new HeaderLines(lines);
    assert.deepEqual([...headers], [["via", "a"], ["set-cookie", "x=1, 2"], ["via", "b"]]);
    assert.equal(headers.size, 3);
  });

  it("returns the lines of one name joined, or each, or none", () => {
    const headers = new HeaderLines(lines);
    assert.equal(headers.get("via"), "a, b");
    assert.deepEqual(headers.getAll("via"), ["a", "b"]);
    assert.equal(headers.get("host"), undefined);
    assert.deepEqual(headers.getAll("host"), []);
  });

  it("joins several lines of Cookie with a semicolon (RFC 9113 section 8.2.3)", () => {
    const headers = new HeaderLines([["Cookie", "a=1"], ["X", "1"], ["cookie", "b=2; c"], [
      "X",
      "2",
    ]]);
    assert.equal(headers.get("cookie"), "a=1; b=2; c");
    assert.equal(headers.toHeaders().get("cookie"), "a=1; b=2; c");
    assert.equal(headers.toHeaders().get("x"), "1, 2");
    assert.equal(new HeaderLines([["cookie", ""]]).toHeaders().get("cookie"), "");
  });

  it("keeps each Set-Cookie apart", () => {
    const headers = new HeaderLines([["Set-Cookie", "a=1"], ["set-cookie", "b=2"]]).toHeaders();
    assert.deepEqual(headers.getSetCookie(), ["a=1", "b=2"]);
  });

  it("puts one line in place of others, where the first stood", () => {
    const headers = new HeaderLines(lines);
    headers.set("via", "c");
    headers.set("x", "d");
    assert.deepEqual([...headers], [["via", "c"], ["set-cookie", "x=1, 2"], ["x", "d"]]);
  });

  it("tells an empty value from a missing line", () => {
    assert.equal(new HeaderLines([["a", ""]]).get("a"), "");
  });

  it("takes names that every object has for names like any other", () => {
    for (const name of Object.getOwnPropertyNames(Object.prototype)) {
      assert.equal(new HeaderLines().get(name), undefined);
      assert.equal(new HeaderLines([[name, "x"]]).get(name.toLowerCase()), "x");
    }
  });

  it("becomes the platform's Headers, and is made from them", () => {
    const headers = new HeaderLines([...lines, ["x", "\xe9"]]).toHeaders();
    assert.equal(headers.get("via"), "a, b");
    assert.equal(headers.get("x"), "\xe9");
    assert.deepEqual([...new HeaderLines(new Headers({ Host: "a" }))], [["host", "a"]]);
  });
});
