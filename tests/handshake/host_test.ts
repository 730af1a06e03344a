import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HeaderLines } from "../../lib/handshake/head.ts";
import {
  checkHost,
  formatHost,
  isLoopback,
  parseHost,
  readHost,
  readHostPolicy,
} from "../../lib/handshake/host.ts";
import { handshakeError } from "./support.ts";

describe("parseHost", () => {
  it("returns host and port in their one spelling, the scheme's default port dropped", () => {
    const good: [string, "http" | "https", string][] = [
      ["Example.COM", "http", "example.com"],
      ["example.com:80", "http", "example.com"],
      ["example.com:00080", "http", "example.com"],
      ["example.com:80", "https", "example.com:80"],
      ["example.com:443", "https", "example.com"],
      ["example.com:443", "http", "example.com:443"],
      ["example.com:8080", "http", "example.com:8080"],
      ["[::1]:443", "https", "[::1]"],
      ["example.com:", "http", "example.com"],
      ["127.0.0.1:0", "http", "127.0.0.1:0"],
      ["[::1]:8080", "http", "[::1]:8080"],
      ["[0:0:0:0:0:0:0:1]", "http", "[::1]"],
      ["[::FFFF:127.0.0.1]", "http", "[::ffff:7f00:1]"],
      ["xn--bcher-kva.example", "http", "xn--bcher-kva.example"],
      ["a_b-c.d~e", "http", "a_b-c.d~e"],
    ];
    for (const [text, scheme, host] of good) {
      const parsed = parseHost(text);
      assert.ok(parsed, text);
      assert.equal(formatHost(parsed, scheme), host, text);
    }
  });

  it("keeps the port as written, none included", () => {
    const ports = ["a", "a:", "a:0", "a:80", "a:443", "[::1]", "[::1]:", "[::1]:65535"];
    assert.deepEqual(ports.map((text) => parseHost(text)?.port), [
      ...[undefined, undefined, 0, 80, 443],
      ...[undefined, undefined, 65535],
    ]);
  });

  it("returns undefined for what is no host, and never throws", () => {
    const bad = [
      ...["", ":", ":80", "[::", "[]", "[::1", "::1", "[::1]x", "[::1]]", "[g::1]", "[1::2::3]"],
      ...["a b", "a,b", "a/b", "a?b", "a#b", "a@b", "u:p@a", "a\\b", "a%2eb", "a:80:80", "a:8a"],
      ...["a:65536", "a:-1", "a: 80", " a", "a\0", "a\xe9", "a\u3002b", "1.2.3.4.5", "256.1.1.1"],
      ...["http://a", "*", "[fe80::1%25eth0]", "a;b", "a\tb"],
      "[v1.a]",
    ];
    for (const text of bad) assert.equal(parseHost(text), undefined, JSON.stringify(text));
  });
});

describe("readHost (RFC 9112 section 3.2)", () => {
  it("returns the one Host", () => {
    const headers = new HeaderLines([["Host", "A:443"]]);
    assert.deepEqual(readHost(headers), { name: "a", port: 443 });
  });

  it("refuses a missing, doubled or malformed Host with 400", () => {
    for (const hosts of [[], ["a", "a"], [""], ["a b"]]) {
      const headers = new HeaderLines(hosts.map((host) => ["host", host]));
      handshakeError(() => readHost(headers), { code: "HOST_HEADER", status: 400 });
    }
  });
});

describe("checkHost", () => {
  const check = (host: string, options: Parameters<typeof checkHost>[1]): void => {
    const parsed = parseHost(host);
    assert.ok(parsed, host);
    checkHost(parsed, options);
  };
  const refused = (host: string, options: Parameters<typeof checkHost>[1]): void => {
    handshakeError(() => check(host, options), { code: "HOST_REFUSED", status: 403 });
  };

  it("answers to any host by default", () => {
    check("example.com", {});
    check("10.0.0.1", { boundToLoopback: false });
  });

  it("answers only to loopback names when bound to loopback", () => {
    for (const host of ["localhost", "a.LOCALHOST:8080", "127.0.0.1", "127.9.9.9:1", "[::1]"]) {
      check(host, { boundToLoopback: true });
    }
    for (const host of ["evil.example", "127.evil.example", "localhost.evil.example", "10.0.0.1"]) {
      refused(host, { boundToLoopback: true });
    }
    check("evil.example", { boundToLoopback: true, hosts: "*" });
  });

  it("answers to the hosts of a list: with a port to that port, without one to any", () => {
    const hosts = ["Example.com", "other.example:8443", "[::1]", "plain.example:80"];
    check("example.com", { hosts });
    check("example.COM:1234", { hosts });
    check("other.example:8443", { hosts });
    check("[0::1]:99", { hosts });
    check("plain.example", { hosts });
    refused("plain.example:81", { hosts });
    refused("other.example", { hosts });
    refused("www.example.com", { hosts });
    refused("example.com.evil.example", { hosts });
    refused("localhost", { hosts, boundToLoopback: true });
    refused("example.com", { hosts: [] });
    refused("example.com", { hosts: ["http://example.com", "", "a b"] });
  });

  it("a Host without a port matches an entry with the default port of http or https", () => {
    const hosts = ["site.example:443", "plain.example:80", "[::1]:443"];
    for (const host of ["site.example", "site.example:443", "plain.example", "[::1]"]) {
      check(host, { hosts });
    }
    for (const host of ["site.example:80", "plain.example:443", "site.example:8443", "[::1]:80"]) {
      refused(host, { hosts });
    }
    refused("site.example", { hosts: ["site.example:8443", "site.example:0"] });
  });

  it("names the host, what was expected, and the option", () => {
    const error = handshakeError(() => check("a:1", { hosts: ["b", "c"] }));
    assert.equal(
      error.message,
      'Cannot accept handshake: the Host "a:1" is not in the list (option hosts)',
    );
  });

  it("says what to set behind a proxy when only loopback names are accepted", () => {
    const error = handshakeError(() => check("Site.example:8443", { boundToLoopback: true }));
    assert.equal(
      error.message,
      'Cannot accept handshake: the Host "site.example:8443" is not a loopback name, and the ' +
        'server is bound to loopback (behind a proxy, set the option hosts: ["site.example"])',
    );
    check("Site.example:8443", { boundToLoopback: true, hosts: ["site.example"] });
  });
});

describe("isLoopback", () => {
  it("knows the names and addresses of this machine", () => {
    const names = ["localhost", "LOCALHOST.", "a.b.localhost", "127.0.0.1", "127.255.0.9", "::1"];
    for (const name of [...names, "[::1]"]) assert.equal(isLoopback(name), true, name);
  });

  it("knows no other", () => {
    const names = ["", ".", "xlocalhost", "localhost.com", "128.0.0.1", "0.0.0.0", "::", "127.1"];
    const tricks = ["127.0.0.1.evil.example", "127.0.0.x", "127.1e1.0.1", "127. .0.1", "127..0.1"];
    for (const name of [...names, ...tricks, "127.0.0.256"]) {
      assert.equal(isLoopback(name), false, name);
    }
  });
});

describe("readHostPolicy", () => {
  it("takes what a policy may be", () => {
    for (const policy of [undefined, "*", [], ["a.example", "[::1]:80"]]) {
      assert.equal(readHostPolicy(policy), policy);
    }
  });

  it("refuses a text that is no list, and entries that no host can match", () => {
    for (const policy of ["a.example", 1, null, ["http://a"], ["a/"], ["*"], [1], [""]]) {
      assert.throws(() => readHostPolicy(policy), { name: "TypeError", message: /hosts/ });
    }
  });
});
