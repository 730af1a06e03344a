/**
 * Ends, of every kind.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { CloseStatus, WebSocketConnection } from "../../../mod.ts";
import type { Case, Side } from "./case.ts";

/** The longest reason: 123 bytes of UTF-8. */
const LONG = `${"é".repeat(61)}!`;

/** The codes that RFC 6455 section 7.4.1 and the registry let be sent. */
const CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999];

/** The codes that a client's WebSocket sends by the standard. */
const isClientCode = (code: number): boolean => code === 1000 || code >= 3000;

const peerCloses = [
  { closeCode: 1000, reason: "" },
  { closeCode: 1001, reason: "gone" },
  { closeCode: 1005, reason: "" },
  { closeCode: 3000, reason: "ä" },
  { closeCode: 4999, reason: LONG },
].map(({ closeCode, reason }): Case => ({
  name: `the peer closes with ${closeCode} and a reason of ${reason.length} characters`,
  user: (side) => ({ close: (_connection, info) => side.tell("close", info.closeCode) }),
  async test({ peer, told }): Promise<void> {
    const answer = await peer.closeWith(closeCode, reason);
    assert.ok(answer !== "no Close");
    // Section 5.5.1: typically the code that came; a platform may answer with none, or with 1000.
    assert.ok([closeCode, 1000, 1005].includes(answer.code), `answered with ${answer.code}`);
    const info = await told.closed();
    const { wasClean, received, initiator, error } = info;
    assert.deepEqual([info.closeCode, info.reason], [closeCode, reason]);
    assert.deepEqual({ wasClean, received, initiator, error }, {
      wasClean: true,
      received: { closeCode, reason },
      initiator: "remote",
      error: undefined,
    });
    assert.deepEqual(told.all("close"), [closeCode]);
  },
}));

/** Closes when told to, and tells what can be done after that. */
function closer(
  side: Side,
  status: Partial<CloseStatus>,
): (connection: WebSocketConnection) => void {
  return (connection) => {
    connection.close(status);
    side.tell("closing", [connection.readyState, connection.send("late")]);
    connection.close({ closeCode: 3001 });
    void connection.closed.then(() => {
      side.tell("after", [connection.readyState, connection.send("later")]);
    });
  };
}

const ourCloses = [
  { closeCode: 1000, reason: "" },
  { closeCode: 3000, reason: "bye" },
  { closeCode: 4999, reason: LONG },
].map(({ closeCode, reason }): Case => ({
  name: `closes with ${closeCode} and a reason of ${reason.length} characters; send gives false`,
  user: (side) => closer(side, { closeCode, reason }),
  async test({ peer, told, findings }): Promise<void> {
    assert.deepEqual(await peer.answerClose(), { code: closeCode, reason });
    const { wasClean, ...info } = await told.closed();
    const status = { closeCode, reason };
    const received = wasClean ? { received: status } : {};
    assert.deepEqual(info, { ...status, sent: status, ...received, initiator: "local" });
    findings.answer = wasClean;
    // Where the answer is not waited for, it is over at once.
    assert.deepEqual(await told.next("closing"), [wasClean ? 2 : 3, false]);
    assert.deepEqual(await told.next("after"), [3, false]);
  },
}));

const anyCodes = CODES.map((closeCode): Case => ({
  name: `sends the close code ${closeCode}, or 3000 more and says so`,
  user: (side) => closer(side, { closeCode, reason: "why" }),
  async test({ peer, told, opened, findings }): Promise<void> {
    const close = await peer.answerClose();
    assert.ok(close !== "no Close");
    const { sent } = await told.closed();
    assert.deepEqual(sent, { closeCode: close.code, reason: close.reason });
    assert.equal(close.reason, "why");
    if (close.code !== closeCode) {
      assert.ok(!opened.capabilities.anyCloseCode && !isClientCode(closeCode));
      assert.equal(close.code, closeCode + 3000);
    }
    findings.anyCloseCode = (findings.anyCloseCode ?? true) && close.code === closeCode;
  },
}));

/** Users who fail, each in another way. */
const failures: Record<string, Case["user"]> = {
  "a message handler that throws": () => ({
    message(): void {
      throw new Error("mine");
    },
  }),
  "a message handler that rejects": () => ({
    message: () => Promise.reject(new Error("mine")),
  }),
  "a function that rejects": () => async (connection: WebSocketConnection) => {
    await connection.receive();
    throw new Error("mine");
  },
  "an open handler that throws": () => ({
    open(): void {
      throw new Error("mine");
    },
  }),
};

const failureCases = Object.entries(failures).map(([name, user]): Case => ({
  name: `${name} closes with 1011, and onError has its error`,
  user,
  async test({ peer, told, opened }): Promise<void> {
    await peer.say("go", "on");
    const code = opened.capabilities.anyCloseCode ? 1011 : 4011;
    assert.deepEqual(await peer.answerClose(), { code, reason: "" });
    const { sent, error, initiator } = await told.closed();
    assert.deepEqual([sent?.closeCode, error?.message, initiator], [code, "mine", "local"]);
    assert.deepEqual(told.all("error"), ["mine"]);
  },
}));

/** The cases. */
export const closingCases: readonly Case[] = [
  ...peerCloses,
  ...ourCloses,
  ...anyCodes,
  ...failureCases,
  {
    name: "a close handler that throws is told to onError, and that is all",
    user: () => ({
      close(): void {
        throw new Error("mine");
      },
    }),
    async test({ peer, told }): Promise<void> {
      await peer.closeWith();
      assert.equal((await told.closed()).wasClean, true);
      assert.equal(await told.next("error"), "mine");
    },
  },
  {
    name: "a peer that vanishes shows as 1006",
    user: (side) => async (connection: WebSocketConnection) => {
      try {
        for await (const _ of connection);
      } catch (error) {
        side.tell("thrown", (error as Error).name);
      }
    },
    async test({ peer, told }): Promise<void> {
      await peer.say("a");
      peer.vanish();
      const { closeCode, wasClean, received } = await told.closed();
      assert.deepEqual([closeCode, wasClean, received], [1006, false, undefined]);
      assert.equal(await told.next("thrown"), "ConnectionClosedError");
    },
  },
  {
    name: "terminate ends at once with 1006, whatever the peer does",
    user: (side) => ({
      message(connection): void {
        connection.terminate();
        side.tell("terminated", [connection.readyState, connection.send("late")]);
      },
      close: () => side.tell("close"),
    }),
    async test({ peer, told, findings }): Promise<void> {
      await peer.say("a", "b");
      const { closeCode, wasClean, initiator } = await told.closed();
      assert.deepEqual([closeCode, wasClean, initiator], [1006, false, "local"]);
      assert.deepEqual(await told.next("terminated"), [3, false]);
      const close = await peer.close();
      findings.terminate = close === "no Close";
      if (close !== "no Close") {
        assert.equal(close.code, 1000);
        await peer.sayClose();
        await peer.wire.leave();
      }
      assert.equal(told.all("terminated").length, 1);
      assert.equal(told.all("close").length, 1);
    },
  },
  {
    name: "a message of exactly maxMessageSize passes, one more byte is closed with 1009",
    options: { maxMessageSize: 1000 },
    user: (side) => ({ message: (_connection, data) => side.tell("size", data.length) }),
    async test({ peer, told, opened }): Promise<void> {
      await peer.say("x".repeat(1000), new Uint8Array(1000), "é".repeat(500));
      const sizes = [await told.next("size"), await told.next("size"), await told.next("size")];
      assert.deepEqual(sizes, [1000, 1000, 500]);
      await peer.say("é".repeat(500) + "!");
      const close = await peer.answerClose();
      assert.ok(close !== "no Close");
      assert.equal(close.code, opened.capabilities.anyCloseCode ? 1009 : 4009);
      const { error, sent } = await told.closed();
      assert.deepEqual([error?.name, error?.option], ["LimitError", "maxMessageSize"]);
      assert.equal(sent?.closeCode, close.code);
      assert.equal(told.all("size").length, 3);
    },
  },
];
