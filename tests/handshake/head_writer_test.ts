import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  statusTextOf,
  writeRequestHead,
  writeResponseHead,
} from "../../lib/handshake/head_writer.ts";
import { fuzzRuns, readHead, textOf } from "./support.ts";

describe("writeRequestHead", () => {
  it("writes the request line, the lines in order, and the empty line", () => {
    const headers: [string, string][] = [["Host", "a"], ["X", "\xe9\t"], ["x", ""]];
    assert.equal(
      textOf(writeRequestHead({ target: "/b?c", headers })),
      "GET /b?c HTTP/1.1\r\nHost: a\r\nX: \xe9\t\r\nx: \r\n\r\n",
    );
    assert.equal(
      textOf(writeRequestHead({ method: "CONNECT", target: "a:1", headers: [] })),
      "CONNECT a:1 HTTP/1.1\r\n\r\n",
    );
  });

  it("refuses a target or a method that could end the line", () => {
    for (const target of ["", "/a b", "/a\r\nX: y", "/a\0", "/\x7f", "/\xe9", "/\u2028"]) {
      assert.throws(() => writeRequestHead({ target, headers: [] }), {
        name: "TypeError",
        message: /the target/,
      });
    }
    for (const method of ["", "GET /", "GET\r\n"]) {
      assert.throws(() => writeRequestHead({ method, target: "/", headers: [] }), TypeError);
    }
  });

  it("refuses names and values that could end a line, naming the header", () => {
    for (const value of ["a\r\nX: y", "a\nb", "a\rb", "a\0", "\x1f", "\x7f", "\u0100", "\u560d"]) {
      assert.throws(() => writeRequestHead({ target: "/", headers: [["X-One", value]] }), {
        name: "TypeError",
        message: /"X-One"/,
      });
    }
    for (const name of ["", "a b", "a:", "a\r\n", "\xe9", "(a)"]) {
      assert.throws(() => writeRequestHead({ target: "/", headers: [[name, "x"]] }), TypeError);
    }
  });

  it("writes what HeadReader reads back, for any headers", () => {
    const name = fc.stringMatching(/^[a-z0-9!#$%&'*+.^_`|~-]{1,10}$/);
    const value = fc.string({ unit: fc.integer({ min: 0x21, max: 0xff }).map(character) })
      .filter((text) => !text.includes("\x7f"));
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 8 }), (headers) => {
        const bytes = writeRequestHead({ target: "/x", headers });
        assert.deepEqual(readHead([bytes], { kind: "request" }), {
          head: { method: "GET", target: "/x", headers },
          size: bytes.length,
        });
      }),
      { numRuns: fuzzRuns() },
    );
  });
});

function character(code: number): string {
  return String.fromCharCode(code);
}

describe("writeResponseHead", () => {
  it("writes the status line with the usual reason phrase, or the one given", () => {
    assert.equal(
      textOf(writeResponseHead({ status: 101, headers: [["A", "b"]] })),
      "HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n",
    );
    assert.equal(
      textOf(writeResponseHead({ status: 403, statusText: "No Way", headers: [] })),
      "HTTP/1.1 403 No Way\r\n\r\n",
    );
  });

  it("knows the reason phrases of a handshake, and falls back for others", () => {
    const known = [101, 400, 401, 403, 404, 405, 408, 413, 426, 431, 500, 502, 503, 505];
    const texts = new Set(known.map(statusTextOf));
    assert.equal(texts.size, known.length);
    assert.equal(statusTextOf(499), "Client Error");
    assert.equal(statusTextOf(599), "Server Error");
    assert.equal(statusTextOf(299), "Response");
  });

  it("refuses a status text that could end the line, and a status of not three digits", () => {
    assert.throws(() => writeResponseHead({ status: 200, statusText: "a\r\n", headers: [] }), {
      name: "TypeError",
      message: /status text/,
    });
    for (const status of [0, 99, 1000, 200.5, NaN]) {
      assert.throws(() => writeResponseHead({ status, headers: [] }), RangeError);
    }
  });
});
