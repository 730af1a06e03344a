import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { HandshakeError, TransportError } from "../../lib/errors.ts";
import { bytesOf, frame, join, settle, textOf } from "../connection/support.ts";
import { ANSWER, type ClientOpeningRig, clientOpeningRig } from "./support.ts";

/** What failed, as a HandshakeError with this status; the transport is closed. */
function refused({ failed, opened, transport }: ClientOpeningRig, status: number): HandshakeError {
  assert.deepEqual([failed.length, opened.length, transport.closed], [1, 0, true]);
  const [error] = failed;
  assert.ok(error instanceof HandshakeError, `${error}`);
  assert.equal(error.status, status);
  return error;
}

describe("the client's handshake", () => {
  it("sends the request, and opens at a correct 101", async () => {
    const { peer, opened, failed, transport } = clientOpeningRig();
    peer.write(bytesOf(ANSWER));
    await settle();
    assert.equal(textOf(peer.bytes), "GET / HTTP/1.1\r\n\r\n");
    assert.deepEqual([opened.length, failed.length, transport.closed], [1, 0, false]);
    assert.deepEqual([opened[0].protocol, opened[0].rest], ["", ""]);
  });

  it("threat 50: bytes behind the answer are handed on, at every split", async () => {
    const bytes = join(
      bytesOf(ANSWER),
      frame(0x81, "one", { masked: false }),
      frame(0x81, "two", { masked: false }),
    );
    for (let split = 1; split < ANSWER.length + 10; split++) {
      const { peer, opened } = clientOpeningRig();
      peer.write(bytes.subarray(0, split));
      await settle();
      peer.write(bytes.subarray(split));
      await settle();
      const begun = split < ANSWER.length ? bytes.length : split;
      assert.deepEqual(opened.map(({ rest }) => rest), [
        textOf(bytes.subarray(ANSWER.length, begun)),
      ]);
    }
  });

  it("a refusal reports status, headers and the beginning of the body", async () => {
    const one = clientOpeningRig();
    one.peer.write(
      bytesOf("HTTP/1.1 403 Forbidden\r\nX-Why: rights\r\nContent-Length: 5\r\n\r\nno"),
    );
    await settle();
    assert.equal(one.failed.length, 0);
    one.peer.write(bytesOf("pe!"));
    await settle();
    const error = refused(one, 403);
    assert.equal(error.headers.get("x-why"), "rights");
    assert.equal(textOf(error.body), "nope!");
  });

  it("quotes 4 KiB of a body at most, and waits for no more", async () => {
    const one = clientOpeningRig();
    one.peer.write(bytesOf("HTTP/1.1 500 Oops\r\n\r\n"), new Uint8Array(4095).fill(65));
    await settle();
    assert.equal(one.failed.length, 0);
    one.peer.write(new Uint8Array(10_000).fill(66));
    await settle();
    const { body } = refused(one, 500);
    assert.equal(body.length, 4096);
    assert.equal(textOf(body.subarray(4094)), "AB");
  });

  it("200, redirects, 401, 426: refused, whatever headers they come with", async () => {
    for (const status of [200, 204, 301, 302, 304, 307, 401, 426, 503]) {
      const one = clientOpeningRig();
      const length = status === 204 || status === 304 ? "" : "Content-Length: 0\r\n";
      one.peer.write(
        bytesOf(
          ANSWER.replace(
            "101 Switching Protocols",
            `${status} X\r\nLocation: /\r\n${length}`.trimEnd(),
          ),
        ),
      );
      await settle();
      refused(one, status);
    }
  });

  it("a bad Accept, Upgrade, Connection, protocol or extension: refused", async () => {
    const cases = [
      ANSWER.replace("s3pP", "S3pP"),
      ANSWER.replace("Upgrade: websocket", "Upgrade: h2c"),
      ANSWER.replace("Connection: Upgrade", "Connection: close"),
      ANSWER.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: unasked\r\n\r\n"),
      ANSWER.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: unasked\r\n\r\n"),
    ];
    for (const answer of cases) {
      const one = clientOpeningRig();
      one.peer.write(bytesOf(answer), frame(0x81, "not delivered", { masked: false }));
      await settle();
      refused(one, 101);
    }
  });

  it("what is no HTTP, or too much of it, is refused before it is gathered", async () => {
    for (
      const answer of [
        "SSH-2.0-OpenSSH\r\n",
        "X".repeat(2000),
        `HTTP/1.1 101 X\r\n${"a: b\r\n".repeat(21)}`,
      ]
    ) {
      const one = clientOpeningRig();
      one.peer.write(bytesOf(answer));
      await settle();
      assert.equal(one.failed.length, 1, answer.slice(0, 20));
      assert.ok(one.failed[0] instanceof HandshakeError && one.transport.closed);
    }
  });

  it("a server that ends or resets without an answer is a TransportError", async () => {
    const ended = clientOpeningRig();
    ended.peer.write(bytesOf(ANSWER.slice(0, 40)));
    ended.peer.transport.closeWrite();
    await settle();
    assert.ok(ended.failed[0] instanceof TransportError && ended.transport.closed);
    assert.equal(ended.failed[0].code, "CONNECTION_ENDED");

    const reset = clientOpeningRig();
    reset.peer.transport.close();
    await settle();
    assert.ok(reset.failed[0] instanceof TransportError);
    assert.equal(reset.failed[0].code, "CONNECTION_RESET");
    assert.equal(reset.failed.length, 1);
  });

  it("a refusal that ends early, or late, is still a refusal, with what came of the body", async () => {
    for (const end of ["end", "reset", "late"] as const) {
      const one = clientOpeningRig();
      one.peer.write(bytesOf("HTTP/1.1 404 X\r\nContent-Length: 100\r\n\r\npart"));
      await settle();
      if (end === "end") one.peer.transport.closeWrite();
      else if (end === "reset") one.peer.transport.close();
      else one.handshake.end(new Error("late"));
      await settle();
      assert.equal(textOf(refusedWithout(one).body), "part");
    }
  });

  it("fail gives up once, with the reason, and closes", async () => {
    const { handshake, peer, failed, opened, transport } = clientOpeningRig();
    const reason = new Error("enough");
    handshake.fail(reason);
    handshake.fail(new Error("again"));
    handshake.end(new Error("late"));
    peer.write(bytesOf(ANSWER));
    await settle();
    assert.deepEqual([failed, opened, transport.closed], [[reason], [], true]);
  });
});

/** Like `refused`, where the transport may have gone by itself. */
function refusedWithout({ failed }: ClientOpeningRig): HandshakeError {
  assert.equal(failed.length, 1);
  const [error] = failed;
  assert.ok(error instanceof HandshakeError && error.status === 404);
  return error;
}
