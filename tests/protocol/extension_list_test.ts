/** Agreeing on several extensions (RFC 6455 section 9.1). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ClientUpgrade,
  type ExtensionDefinition,
  type ExtensionOffer,
  HandshakeError,
  type MessageExtension,
  perMessageDeflate,
  ServerUpgrade,
} from "../../lib/protocol/mod.ts";

/** A definition that accepts what has no parameter `no`; it adds to `seen` what it is given. */
function definition(
  name: string,
  rsv: number,
  { params = [], seen = [] }: { params?: [string, string | true][]; seen?: ExtensionOffer[] } = {},
): ExtensionDefinition {
  return {
    name,
    rsv,
    offer: () => new Map(params),
    create(_role, offer): MessageExtension | undefined {
      seen.push(offer);
      if (offer.params.has("no")) return undefined;
      if (offer.params.has("bad")) throw new Error("bad is no parameter");
      return { header: name, rsv, decode() {}, encode() {}, wants: () => false };
    },
  };
}

/** The value of the header in a request or a response. */
function header(bytes: Uint8Array): string | undefined {
  return new TextDecoder().decode(bytes).match(/^sec-websocket-extensions: (.*)\r$/im)?.[1];
}

function requestOf(extensions: string): Uint8Array {
  return new TextEncoder().encode(
    "GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
      `Sec-WebSocket-Extensions: ${extensions}\r\n\r\n`,
  );
}

/** What a server answers to these offers. */
function answered(extensions: string, known: readonly ExtensionDefinition[]): string | undefined {
  const server = new ServerUpgrade({ extensions: known });
  server.receive(requestOf(extensions));
  return header(server.accept().response);
}

/** The error of a client for which the server chooses these. */
function clientError(extensions: string, offered: readonly ExtensionDefinition[]): HandshakeError {
  const client = new ClientUpgrade("ws://a.example", { extensions: offered });
  const server = new ServerUpgrade();
  server.receive(client.request);
  const { response } = server.accept();
  const text = new TextDecoder().decode(response);
  const changed = text.replace(/\r\n\r\n$/, `\r\nSec-WebSocket-Extensions: ${extensions}\r\n\r\n`);
  try {
    client.receive(new TextEncoder().encode(changed));
  } catch (error) {
    assert.ok(error instanceof HandshakeError);
    return error;
  }
  throw new Error("it was accepted");
}

describe("a list of extensions", () => {
  it("is offered in its order, with parameters; perMessageDeflate comes last", () => {
    const list = [
      definition("x-a", 0x20, { params: [["n", "1"], ["flag", true]] }),
      definition("x-b", 0x10),
    ];
    const { request } = new ClientUpgrade("ws://a.example", {
      extensions: list,
      perMessageDeflate: true,
    });
    assert.equal(
      header(request),
      "x-a; n=1; flag, x-b, permessage-deflate; client_max_window_bits",
    );
  });

  it("is agreed on in the client's order, of each name the first that is accepted", () => {
    const seen: ExtensionOffer[] = [];
    const a = definition("x-a", 0x20, { seen }), b = definition("x-b", 0x10);
    assert.equal(answered("x-b, x-unknown, x-a", [a, b]), "x-b, x-a");
    assert.equal(answered("x-a; no, x-b, x-a; ok, x-a", [a, b]), "x-b, x-a");
    assert.deepEqual(seen.at(-1)!.params, new Map([["ok", true]]));
    assert.equal(answered("x-unknown", [a, b]), undefined);
    assert.equal(answered("x-a; no", [a]), undefined);
  });

  it("has no two with a reserved bit in common: the first offer counts", () => {
    const a = definition("x-a", 0x60), b = definition("x-b", 0x20);
    assert.equal(answered("x-a, x-b", [a, b]), "x-a");
    assert.equal(answered("x-b, x-a", [a, b]), "x-b");
    assert.equal(
      answered("permessage-deflate, x-a", [a, perMessageDeflate()]),
      "permessage-deflate",
    );
  });

  it("a client fails for an answer that does not hold", () => {
    const a = definition("x-a", 0x20), b = definition("x-b", 0x20);
    const cases: [string, RegExp][] = [
      ["x-a, x-a", /x-a came twice/],
      ["x-a, x-b", /x-b uses a reserved bit of one before it/],
      ["x-a; no", /the parameters of x-a are not accepted/],
      ["x-a; bad", /bad is no parameter/],
    ];
    for (const [extensions, message] of cases) {
      const error = clientError(extensions, [a, b]);
      assert.deepEqual([error.code, error.status], ["EXTENSION_PARAMETERS", 101]);
      assert.match(error.message, message);
    }
    assert.equal(clientError("x-c", [a]).code, "EXTENSION_NOT_OFFERED");
    const deflate = clientError("permessage-deflate; nonsense", [perMessageDeflate()]);
    assert.match(deflate.message, /"nonsense" is no parameter of permessage-deflate/);
  });

  it("refuses what is no definition", () => {
    const good = definition("x-a", 0x20);
    const cases: [unknown, RegExp][] = [
      [{}, /extensions must be a list of definitions, got Object/],
      [[{}], /an object with name, rsv and create/],
      [["x-a"], /got string/],
      [[{ ...good, name: "x a" }], /the extension's name "x a" is not a token/],
      [[{ ...good, rsv: 0 }], /rsv of x-a must be 0x40, 0x20, 0x10/],
      [[{ ...good, rsv: 0x80 }], /got 128/],
      [[good, { ...good }], /the extension x-a is given twice/],
    ];
    for (const [extensions, message] of cases) {
      for (
        const create of [
          () => new ClientUpgrade("ws://a.example", { extensions: extensions as [] }),
          () => new ServerUpgrade({ extensions: extensions as [] }),
        ]
      ) assert.throws(create, { name: "TypeError", message });
    }
    const twice = { extensions: [perMessageDeflate()], perMessageDeflate: true };
    assert.throws(() => new ServerUpgrade(twice), /permessage-deflate is given twice/);
    assert.throws(() => perMessageDeflate({ level: 10 }), RangeError);
  });
});
