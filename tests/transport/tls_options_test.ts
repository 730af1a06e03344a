import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connect } from "../../mod.ts";
import { listen } from "../../lib/server/mod.ts";
import { checkClientTls, checkServerTls } from "../../lib/transport/tls_options.ts";
import { ca, cert, key } from "../certificates/mod.ts";

const utf8 = new TextEncoder();

/** What is wrong in place of PEM text, and what the error says of it. */
const WRONG_TEXT: readonly [unknown, RegExp][] = [
  ["/etc/ssl/site.pem", /must be PEM text .*pass the text of a file, not its path/],
  ["", /must be PEM text .*pass the text of a file/],
  [utf8.encode(cert), /must be PEM text .*got Uint8Array; read a file as text/],
  [null, /must be PEM text .*got null/],
  [[cert], /must be PEM text .*got Array/],
  [cert.replaceAll("\n", "\\n"), /backslash and an n in place of line breaks/],
];

describe("the option tls of a server", () => {
  const wrong: [string, unknown, RegExp][] = [
    ["no object", false, /^Cannot listen: tls must be an object .*got boolean; leave it out/],
    ["null", null, /^Cannot listen: tls must be an object .*got null; leave it out/],
    ["a text", cert, /^Cannot listen: tls must be an object .*got string/],
    ["empty", {}, /^Cannot listen: tls\.cert is missing: it must be PEM text/],
    [
      "undefined parts",
      { cert: undefined, key: undefined },
      /^Cannot listen: tls\.cert is missing/,
    ],
    ["no key", { cert }, /^Cannot listen: tls\.key is missing: it must be PEM text/],
    ["no certificate", { key }, /^Cannot listen: tls\.cert is missing/],
    ["the two exchanged", { cert: key, key: cert }, /^Cannot listen: tls\.cert must be PEM text/],
    ["the certificate twice", { cert, key: cert }, /^Cannot listen: tls\.key must be PEM text/],
    ["mistyped", { certificate: cert, key }, /tls\.certificate is not .* mean tls\.cert\?/],
    [
      "an encrypted key",
      { cert, key: "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" },
      /^Cannot listen: tls\.key is encrypted/,
    ],
    ...WRONG_TEXT.map(([text, message]): [string, unknown, RegExp] => [
      `${String(text).slice(0, 20)} in place of the certificate`,
      { cert: text, key },
      new RegExp(`^Cannot listen: tls\\.cert .*${message.source}`),
    ]),
    [
      "a path in place of the key",
      { cert, key: "/etc/ssl/site.key" },
      /^Cannot listen: tls\.key must be PEM text \(-----BEGIN PRIVATE KEY-----\)/,
    ],
  ];
  for (const [name, tls, message] of wrong) {
    it(`is a TypeError before anything listens: ${name}`, async () => {
      await assert.rejects(
        listen({ port: 0, hostname: "127.0.0.1", websocket: {}, tls: tls as never }),
        { name: "TypeError", message },
      );
    });
  }

  it("is never quoted in an error: it may hold a private key", () => {
    for (const secret of ["c2VjcmV0/c2VjcmV0", `secret ${key}`.replaceAll("-----", "")]) {
      assert.throws(() => checkServerTls({ cert, key: secret }), (error: Error) => {
        return error instanceof TypeError && !/secret|c2VjcmV0/.test(error.message);
      });
    }
  });

  it("is PEM text with either line break, and whatever stands between its parts", () => {
    checkServerTls(undefined);
    checkServerTls({ cert, key });
    checkServerTls({ cert: cert.replaceAll("\n", "\r\n"), key: key.replaceAll("\n", "\r\n") });
    checkServerTls({ cert: `subject=/CN=localhost\n${cert}`, key: `Bag Attributes\n${key}` });
    checkServerTls({ cert: cert + key, key: cert + key });
    for (const type of ["RSA ", "EC ", ""]) {
      checkServerTls({ cert, key: `-----BEGIN ${type}PRIVATE KEY-----\n` });
    }
  });
});

describe("the option tls of a client", () => {
  const url = "wss://127.0.0.1:9/";
  const wrong: [string, unknown, RegExp][] = [
    ["no object", false, /^Cannot connect: tls must be an object, got boolean/],
    ["null", null, /^Cannot connect: tls must be an object, got null/],
    [
      "mistyped",
      { caCert: ca },
      /tls\.caCert is not an option; did you mean tls\.caCerts or tls\.cert\?/,
    ],
    ["the name that Node has", { ca }, /tls\.ca is not an option; did you mean tls\.caCerts/],
    [
      "an attempt to check nothing",
      { rejectUnauthorized: false },
      /tls\.rejectUnauthorized is not an option: certificates are always checked/,
    ],
    ["a text in place of the list", { caCerts: ca }, /tls\.caCerts must be a list .*got string/],
    ...WRONG_TEXT.map(([text, message]): [string, unknown, RegExp] => [
      `${String(text).slice(0, 20)} in place of a certificate`,
      { caCerts: [ca, text] },
      new RegExp(`^Cannot connect: tls\\.caCerts\\[1\\] .*${message.source}`),
    ]),
    ["an empty name", { serverName: "" }, /tls\.serverName must be a name or an address/],
    ["a number as name", { serverName: 5 }, /tls\.serverName must be a name or an address/],
  ];
  for (const [name, tls, message] of wrong) {
    it(`is a TypeError before anything is opened: ${name}`, async () => {
      for (const given of [url, url.replace("wss", "ws")]) {
        await assert.rejects(connect(given, { tls: tls as never }), { name: "TypeError", message });
      }
    });
  }

  it("may be empty", () => {
    checkClientTls(undefined);
    checkClientTls({});
    checkClientTls({ caCerts: [], serverName: "localhost" });
    checkClientTls({ caCerts: undefined, serverName: undefined });
  });

  it("excludes path, and so does a wss: URL: a Unix socket is reached without TLS", async () => {
    const error = { name: "TypeError", message: /^Cannot connect: path excludes TLS/ };
    await assert.rejects(connect("wss://localhost/", { path: "/nonexistent.sock" }), error);
    const options = { path: "/nonexistent.sock", tls: {} };
    await assert.rejects(connect("ws://localhost/", options), error);
  });
});
