/** The opening handshake without I/O, as ./protocol has it, and the protocol behind it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ClientUpgrade,
  HandshakeError,
  Protocol,
  type ProtocolInit,
  ServerUpgrade,
} from "../../lib/protocol/mod.ts";
import { bytesOf, textOf } from "../handshake/support.ts";
import { answerText, keyOf, requestText } from "../support/opening.ts";

const URL = "ws://server.example.com/chat?room=1";

/** Returns the error that `body` throws. */
function thrown(body: () => unknown): HandshakeError {
  try {
    body();
  } catch (error) {
    assert.ok(error instanceof HandshakeError, `${error}`);
    return error;
  }
  assert.fail("nothing was thrown");
}

/** Creates a protocol that keeps its messages. */
function protocolOf(init: ProtocolInit): { protocol: Protocol; messages: unknown[] } {
  const messages: unknown[] = [];
  const protocol = new Protocol(init, { onClosing: () => protocol.answer() });
  protocol.start({ onMessage: (data) => void messages.push(data) }, { onPing() {}, onPong() {} });
  return { protocol, messages };
}

describe("ClientUpgrade", () => {
  it("sends a request with a key of its own, the subprotocols and the headers", () => {
    const options = { protocols: ["a", "b"], headers: { "x-user": "Ann" } };
    const text = textOf(new ClientUpgrade(URL, options).request);
    assert.match(text, /^GET \/chat\?room=1 HTTP\/1\.1\r\nHost: server\.example\.com\r\n/);
    assert.match(text, /\r\nSec-WebSocket-Protocol: a, b\r\n/);
    assert.match(text, /\r\nx-user: Ann\r\n/i);
    assert.notEqual(keyOf(text), keyOf(textOf(new ClientUpgrade(URL).request)));
  });

  it("returns what was agreed, and the bytes behind the answer, wherever it is split", () => {
    const length = textOf(bytesOf(answerText())).length;
    for (let split = 0; split <= length + 3; split++) {
      const upgrade = new ClientUpgrade(URL, { protocols: "a" });
      const lines = { "Sec-WebSocket-Protocol": "a" };
      const answer = answerText(keyOf(textOf(upgrade.request)), lines) + "\x81\x02Hi";
      const bytes = bytesOf(answer), at = Math.min(split, bytes.length - 4);
      assert.equal(upgrade.receive(bytes.subarray(0, at)), undefined);
      const opened = upgrade.receive(bytes.subarray(at))!;
      assert.deepEqual([opened.protocol, textOf(opened.rest)], ["a", "\x81\x02Hi"]);
      const { protocol, messages } = protocolOf(opened.init);
      protocol.receive(opened.rest);
      assert.deepEqual(messages, ["Hi"]);
    }
  });

  it("throws for a refusal, an invalid answer, and what was not offered", () => {
    const refused = new ClientUpgrade(URL);
    const no = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    assert.equal(thrown(() => refused.receive(bytesOf(no))).status, 403);
    assert.equal(
      thrown(() => new ClientUpgrade(URL).receive(bytesOf(answerText()))).code,
      "ACCEPT_MISMATCH",
    );
    const upgrade = new ClientUpgrade(URL, { perMessageDeflate: false });
    const lines = { "Sec-WebSocket-Extensions": "permessage-deflate" };
    const answer = answerText(keyOf(textOf(upgrade.request)), lines);
    assert.equal(thrown(() => upgrade.receive(bytesOf(answer))).code, "EXTENSION_NOT_OFFERED");
  });

  it("takes nothing more once its answer is complete", () => {
    const upgrade = new ClientUpgrade(URL);
    upgrade.receive(bytesOf(answerText(keyOf(textOf(upgrade.request)))));
    assert.throws(() => upgrade.receive(bytesOf("\x81\x02Hi")), {
      name: "TypeError",
      message: /the handshake is complete; .* Protocol\.receive/,
    });
  });

  it("throws for unknown options and invalid arguments", () => {
    assert.throws(() => new ClientUpgrade(URL, { protocol: "a" } as never), /protocols/);
    assert.throws(() => new ClientUpgrade("nowhere"), { name: "SyntaxError" });
    assert.throws(() => new ClientUpgrade(URL, { protocols: "a b" }), { name: "SyntaxError" });
    assert.throws(() => new ClientUpgrade(URL, { headers: { upgrade: "a" } }), TypeError);
    assert.throws(() => new ClientUpgrade(URL, { maxHeaderSize: -1 }), RangeError);
  });
});

describe("ServerUpgrade", () => {
  it("returns the request wherever it is split, and keeps what stands behind it", () => {
    const bytes = bytesOf(requestText() + "\x81\x82\0\0\0\0Hi");
    for (let split = 0; split <= bytes.length - 8; split++) {
      const upgrade = new ServerUpgrade();
      const early = upgrade.receive(bytes.subarray(0, split));
      const request = early ?? upgrade.receive(bytes.subarray(split))!;
      assert.equal(request.url, "http://localhost/chat");
      const accepted = upgrade.accept();
      assert.equal(textOf(accepted.rest), early === undefined ? "\x81\x82\0\0\0\0Hi" : "");
      const { protocol, messages } = protocolOf(accepted.init);
      protocol.receive(accepted.rest);
      assert.deepEqual(messages, early === undefined ? ["Hi"] : []);
    }
  });

  it("keeps what comes between the request and its acceptance, and takes nothing after it", () => {
    const upgrade = new ServerUpgrade();
    assert.ok(upgrade.receive(bytesOf(requestText() + "\x81\x82")));
    assert.equal(upgrade.receive(bytesOf("\0\0\0\0H")), undefined);
    assert.equal(upgrade.receive(bytesOf("i")), undefined);
    const accepted = upgrade.accept();
    assert.equal(textOf(accepted.rest), "\x81\x82\0\0\0\0Hi");
    assert.throws(() => upgrade.receive(bytesOf("\x81")), {
      name: "TypeError",
      message: /Protocol\.receive/,
    });
  });

  it("accepts with the subprotocol, the extension and headers that were chosen", () => {
    const upgrade = new ServerUpgrade({ protocols: ["b", "a"], perMessageDeflate: true });
    const lines = {
      "Sec-WebSocket-Protocol": "a, b",
      "Sec-WebSocket-Extensions": "permessage-deflate",
    };
    upgrade.receive(bytesOf(requestText(lines)));
    const chosen = upgrade.accept({ headers: { "set-cookie": "a=1" } });
    assert.deepEqual([chosen.protocol, chosen.extensions], ["b", "permessage-deflate"]);
    const text = textOf(chosen.response);
    assert.match(text, /^HTTP\/1\.1 101 /);
    assert.match(text, /\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i);
    assert.match(text, /\r\nset-cookie: a=1\r\n/i);
    assert.equal(upgrade.accept({ protocol: "a" }).protocol, "a");
    assert.throws(() => upgrade.accept({ protocol: "c" }), /"c"/);
  });

  it("throws for a request that breaks a rule or a policy, and has the answer to it", () => {
    const cases: [string, number, ConstructorParameters<typeof ServerUpgrade>[0]?][] = [
      ["nonsense\r\n\r\n", 400],
      [requestText({ "Sec-WebSocket-Version": "8" }), 426],
      [requestText({ Origin: "https://evil.example" }), 403],
      [requestText(), 403, { hosts: ["site.example"] }],
      [requestText({}, "POST / HTTP/1.1"), 405],
      [requestText({ "X-Long": "a".repeat(200) }), 431, { maxHeaderSize: 300 }],
    ];
    for (const [text, status, options] of cases) {
      const upgrade = new ServerUpgrade(options);
      const error = thrown(() => upgrade.receive(bytesOf(text)));
      assert.match(textOf(upgrade.refuse(error)), new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.throws(() => upgrade.accept(), TypeError);
    }
    const listed = new ServerUpgrade({ origins: ["https://good.example"] });
    assert.ok(listed.receive(bytesOf(requestText({ Origin: "https://good.example" }))));
  });

  it("throws for unknown options, and accepts nothing before a request", () => {
    assert.throws(() => new ServerUpgrade({ origin: "*" } as never), /origins/);
    assert.throws(() => new ServerUpgrade({ hosts: "a" as never }), TypeError);
    assert.throws(() => new ServerUpgrade().accept(), /no valid request has been received/);
    const upgrade = new ServerUpgrade();
    upgrade.receive(bytesOf(requestText()));
    assert.throws(() => upgrade.accept({ protocols: "a" } as never), /protocol/);
  });
});

describe("a protocol with messages in pieces", () => {
  it("needs a receiver that takes pieces", () => {
    const { init } = accepted({ messages: "stream" });
    const protocol = new Protocol(init, { onClosing() {} });
    const pings = { onPing() {}, onPong() {} };
    assert.throws(() => protocol.start({ onMessage() {} }, pings), /onMessageStart/);
    const pieces: unknown[] = [];
    protocol.start({
      onMessage() {},
      onMessageStart: (type, length) => void pieces.push(type, length),
      onMessageData: (piece) => void pieces.push(textOf(piece)),
      onMessageEnd: () => void pieces.push("end"),
    }, pings);
    protocol.receive(bytesOf("\x81\x82\0\0\0\0Hi"));
    assert.deepEqual(pieces, ["text", 2, "Hi", "end"]);
  });

  function accepted(options: ConstructorParameters<typeof ServerUpgrade>[0]) {
    const upgrade = new ServerUpgrade(options);
    upgrade.receive(bytesOf(requestText()));
    return upgrade.accept();
  }
});
