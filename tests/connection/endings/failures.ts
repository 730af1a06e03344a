/** Rules broken, limits passed, and code of the user's that fails. */

import assert from "node:assert/strict";
import { settle } from "../support.ts";
import { block, closeAndEnd, type Ending, NARROW, slowSource, WIDE } from "./support.ts";

/** The endings. */
export const failures: readonly Ending[] = [
  {
    name: "a rule broken by the peer",
    async happens({ peer }) {
      peer.write(peer.frame(0x83));
      await settle();
      peer.transport.closeWrite();
    },
    tells: { code: 1006, sent: "1002", initiator: "local", error: "ProtocolError RESERVED_OPCODE" },
  },
  {
    name: "a rule broken by the peer while our Close waits for its answer",
    async happens({ connection, peer }) {
      connection.close();
      await settle();
      peer.write(peer.frame(0x83));
      await settle();
      peer.transport.closeWrite();
    },
    tells: { code: 1006, sent: "1000", initiator: "local", error: "ProtocolError RESERVED_OPCODE" },
  },
  {
    name: "text that is none",
    async happens({ peer }) {
      peer.write(peer.frame(0x81, [0xc0]));
      await settle();
      peer.transport.close();
    },
    tells: { code: 1006, sent: "1007", initiator: "local", error: "ProtocolError INVALID_UTF8" },
  },
  {
    name: "a limit passed by the peer",
    options: { maxMessageSize: 10 },
    async happens({ peer }) {
      peer.write(peer.frame(0x82, new Uint8Array(11)));
      await settle();
      peer.transport.closeWrite();
    },
    tells: { code: 1006, sent: "1009", initiator: "local", error: "LimitError maxMessageSize" },
  },
  {
    name: "a limit passed by ourselves",
    options: { ...NARROW, maxBufferedAmount: 100 },
    async happens(rig) {
      await block(rig);
      rig.connection.send("one too many");
      rig.peer.transport.resume();
      await settle();
      rig.peer.transport.closeWrite();
    },
    tells: { code: 1006, sent: "1008", initiator: "local", error: "LimitError maxBufferedAmount" },
  },

  {
    name: "a handler that throws",
    options: {
      websocket: {
        message(): void {
          throw new RangeError("out of it");
        },
      },
    },
    async happens(rig) {
      rig.peer.say("go");
      await settle();
      closeAndEnd(rig, 1011);
      assert.equal(rig.errors.length, 1);
    },
    tells: {
      code: 1011,
      clean: true,
      sent: "1011",
      received: "1011",
      initiator: "local",
      error: "RangeError out of it",
    },
  },
  {
    name: "a source that fails when a part of its message has left",
    options: WIDE,
    async happens(rig) {
      const { stream, fail } = slowSource();
      const sending = rig.connection.send(stream);
      await settle();
      fail(new RangeError("dry"));
      await assert.rejects(sending, RangeError);
      await settle();
      closeAndEnd(rig, 1011);
    },
    tells: {
      code: 1011,
      clean: true,
      sent: "1011",
      received: "1011",
      initiator: "local",
      error: "RangeError dry",
    },
  },
  {
    name: "the peer's Close while a message leaves from its source",
    options: WIDE,
    async happens(rig) {
      const sending = rig.connection.send(slowSource().stream);
      await settle();
      closeAndEnd(rig, 1000);
      await settle();
      rig.clock.advance(1000); // which our answer waits for the source
      await assert.rejects(sending, { code: "CONNECTION_CLOSED", closeCode: 1000 });
    },
    tells: { code: 1000, clean: true, sent: "1000", received: "1000", initiator: "remote" },
  },
  {
    name: "terminate while a message leaves from its source",
    options: WIDE,
    async happens(rig) {
      const sending = rig.connection.send(slowSource().stream);
      await settle();
      rig.connection.terminate();
      await assert.rejects(sending, { code: "CONNECTION_CLOSED", closeCode: 1006 });
    },
    tells: { code: 1006, initiator: "local" },
  },
];
