import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HeaderLines } from "../../lib/handshake/head.ts";
import { parseHost } from "../../lib/handshake/host.ts";
import {
  canonicalOrigin,
  checkOrigin,
  readOrigin,
  readOriginPolicy,
} from "../../lib/handshake/origin.ts";
import type { OriginPolicy, OriginRequestInfo } from "../../lib/handshake/origin.ts";
import { handshakeError } from "./support.ts";

const FACTS: OriginRequestInfo = { url: "http://a/", secure: false, headers: new Headers() };

function check(
  origin: string | undefined,
  options: { host?: string; secure?: boolean; origins?: OriginPolicy } = {},
): void {
  const { origins, secure = false } = options;
  const host = parseHost(options.host ?? "example.com");
  assert.ok(host);
  checkOrigin(origin, { host, secure, origins, request: () => FACTS });
}

function refused(origin: string | undefined, options: Parameters<typeof check>[1] = {}): void {
  const error = handshakeError(() => check(origin, options), {
    code: "ORIGIN_REFUSED",
    status: 403,
  });
  assert.match(error.message, /option origins/);
}

describe("checkOrigin by default", () => {
  it("accepts the same host, in any case and with the default port in either", () => {
    check("https://example.com");
    check("http://EXAMPLE.com");
    check("https://example.com:443");
    check("http://example.com:80", { host: "example.com:80" });
    check("https://example.com", { host: "Example.com:443", secure: true });
    check("http://localhost:8080", { host: "localhost:8080" });
    check("http://[::1]:8080", { host: "[0:0::1]:8080" });
  });

  it("accepts a request with no Origin: no browser", () => {
    check(undefined);
  });

  it("refuses other hosts, other ports, null, and what is no origin", () => {
    refused("https://evil.example");
    refused("https://example.com:8443");
    refused("https://example.com", { host: "example.com:8080" });
    refused("https://sub.example.com");
    refused("https://com");
    refused("null");
    refused("");
    refused("example.com");
    refused("//example.com");
    refused("ftp://example.com");
    refused("chrome-extension://example.com");
    refused("https://example.com, https://example.com");
  });

  it("drops the default port of the Origin's scheme, whatever the proxy speaks with us", () => {
    for (const secure of [false, true]) {
      for (const host of ["example.com", "example.com:443", "EXAMPLE.com:0443"]) {
        check("https://example.com", { host, secure });
        check("https://example.com:443", { host, secure });
      }
      check("https://[::1]", { host: "[::1]:443", secure });
      refused("https://example.com", { host: "example.com:8443", secure });
      refused("https://example.com:80", { host: "example.com", secure });
    }
    check("http://example.com", { host: "example.com:80" });
    check("https://example.com", { host: "example.com:80" }); // its own port, as nginx may add it
    refused("https://example.com", { host: "example.com:80", secure: true });
  });

  it("takes no page of plain http for one of port 443, and none of port 80 for TLS", () => {
    refused("http://example.com", { host: "example.com:443" });
    refused("http://example.com:443", { host: "example.com" });
    refused("http://example.com:443", { host: "example.com:80" });
    refused("http://example.com", { host: "example.com:443", secure: true });
    refused("http://example.com:443", { host: "example.com", secure: true });
    refused("http://example.com:443", { host: "example.com:443", secure: true });
    refused("http://example.com", { host: "example.com:80", secure: true });
    check("http://example.com:443", { host: "example.com:443" }); // a page of that very port
  });

  it("names both values and the option, and says what to do behind a proxy", () => {
    const error = handshakeError(() => check("https://evil.example", { host: "example.com:81" }));
    assert.equal(
      error.message,
      'Cannot accept handshake: the Origin "https://evil.example" is not of the same host as the ' +
        'request, "example.com:81" (behind a proxy, have it pass on Host, or set the option ' +
        'origins: ["https://evil.example"])',
    );
  });

  it("suggests no entry for an Origin that should not be listed, or cannot be", () => {
    for (const origin of ["null", "junk", 'x"]: "*']) {
      const { message } = handshakeError(() => check(origin));
      assert.match(message, /"example\.com" \(option origins\)$/);
    }
  });
});

describe("checkOrigin with a policy", () => {
  it("lets everybody in with *", () => {
    for (const origin of ["https://evil.example", "null", "junk", undefined]) {
      check(origin, { origins: "*" });
    }
  });

  it("accepts exactly the origins of a list, scheme and port included, and a request without one", () => {
    const origins = ["https://App.example:443", "http://localhost:3000", "moz-extension://ABC-1"];
    check("https://app.example", { origins });
    check("http://localhost:3000", { origins });
    check("moz-extension://abc-1", { origins });
    check(undefined, { origins });
    refused("http://app.example", { origins });
    refused("https://example.com", { origins });
    refused("https://a.app.example", { origins });
    refused("https://app.example.evil.example", { origins });
    refused("http://localhost", { origins });
    refused("null", { origins });
    refused("junk", { origins });
    refused("junk", { origins: ["junk"] });
  });

  it("accepts null only if it is listed", () => {
    check("null", { origins: ["null"] });
    refused("null", { origins: ["*"] });
  });

  it("asks a function, with the origin or undefined and the facts of the request", () => {
    const asked: unknown[] = [];
    const origins: OriginPolicy = (origin, facts) => {
      asked.push([origin, facts]);
      return origin === "https://a.example";
    };
    check("https://a.example", { origins });
    refused("https://b.example", { origins });
    refused(undefined, { origins });
    assert.deepEqual(asked, [
      ["https://a.example", FACTS],
      ["https://b.example", FACTS],
      [undefined, FACTS],
    ]);
  });

  it("takes no promise for a yes", () => {
    const origins = (() => Promise.resolve(false)) as unknown as OriginPolicy;
    assert.throws(() => check("https://a.example", { origins }), {
      name: "TypeError",
      message: /must return a boolean/,
    });
  });

  it("takes a promise that rejects for a mistake as well, and leaves it handled", async () => {
    const then = (): void => {
      throw new Error("no database");
    };
    for (const given of [() => Promise.reject(new Error("no database")), () => ({ then })]) {
      const origins = given as unknown as OriginPolicy;
      assert.throws(() => check("https://a.example", { origins }), TypeError);
    }
    await new Promise((resolve) => setTimeout(resolve, 0));
  });
});

describe("canonicalOrigin", () => {
  it("returns the one spelling", () => {
    assert.equal(canonicalOrigin("HTTPS://A.example:443"), "https://a.example");
    assert.equal(canonicalOrigin("http://a.example:443"), "http://a.example:443");
    assert.equal(canonicalOrigin("null"), "null");
  });

  it("returns undefined for a URL with more than an origin in it", () => {
    const bad = [
      "https://a/",
      "https://a/b",
      "https://u@a",
      "https://a?b",
      "https://a#b",
      "https://",
    ];
    for (
      const origin of [...bad, "https:a", "https:/a", "a", "://a", "x://a/b", "Null", "x y://a"]
    ) {
      assert.equal(canonicalOrigin(origin), undefined, origin);
    }
  });
});

describe("readOrigin", () => {
  it("returns the one Origin, or undefined; two are refused with 400", () => {
    assert.equal(readOrigin(new HeaderLines([["Origin", "https://a"]])), "https://a");
    assert.equal(readOrigin(new HeaderLines()), undefined);
    const twice = new HeaderLines([["origin", "https://a"], ["origin", "https://a"]]);
    handshakeError(() => readOrigin(twice), { code: "ORIGIN_HEADER", status: 400 });
  });
});

describe("readOriginPolicy", () => {
  it("takes what a policy may be", () => {
    const judge = (): boolean => true;
    for (const policy of [undefined, "*", judge, [], ["https://a.example:8443", "null"]]) {
      assert.equal(readOriginPolicy(policy), policy);
    }
  });

  it("refuses a text that is no list, and entries that no origin can match", () => {
    for (const policy of ["https://a", 1, null, ["a.example"], ["https://a/"], ["*"], [1], [""]]) {
      assert.throws(() => readOriginPolicy(policy), { name: "TypeError", message: /origins/ });
    }
  });
});
