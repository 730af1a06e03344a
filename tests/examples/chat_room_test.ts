import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { type PersonConnection, Room, Rooms } from "../../examples/chat/room.ts";
import { readName } from "../../examples/chat/words.ts";

/** Somebody who takes what is sent, or does not. */
class Peer {
  readonly data: PersonConnection["data"];
  readonly got: { type: string; of?: [string, number][]; said?: { text: string } }[] = [];
  takes = true;

  constructor(room: Room, name: string) {
    this.data = {
      name,
      room,
      slow: false,
      talkedUntil: 0,
      pingedAt: undefined,
      roundTrip: undefined,
    };
  }

  send(text: string): boolean {
    this.got.push(JSON.parse(text));
    return this.takes;
  }

  get connection(): PersonConnection {
    return this as unknown as PersonConnection;
  }
}

describe("a room of the chat", () => {
  it("gives everybody a name of their own", () => {
    const room = new Room();
    const peers = Array.from({ length: 3 }, () => new Peer(room, "Ann"));
    for (const peer of peers) room.enter(peer.connection);
    assert.deepEqual([...room.people.keys()], ["Ann", "Ann 2", "Ann 3"]);
    room.leave(peers[1].connection);
    assert.deepEqual([...room.people.keys()], ["Ann", "Ann 3"]);
    room.enter(new Peer(room, "Ann").connection);
    assert.deepEqual([...room.people.keys()], ["Ann", "Ann 3", "Ann 2"]);
  });

  it("spares who is slow the round trips, not what is said", () => {
    const room = new Room();
    const [fast, slow] = ["Fast", "Slow"].map((name) => new Peer(room, name));
    room.enter(fast.connection);
    room.enter(slow.connection);
    fast.data.roundTrip = 1.234567;
    slow.takes = false;
    room.tellRoundTrips();
    room.tellRoundTrips();
    room.say("Fast", "Hello");
    assert.equal(slow.data.slow, true);
    assert.deepEqual(slow.got.map(({ type }) => type), ["welcome", "roundTrips", "said"]);
    const types = ["welcome", "joined", "roundTrips", "roundTrips", "said"];
    assert.deepEqual(fast.got.map(({ type }) => type), types);
    assert.deepEqual(fast.got[2].of, [["Fast", 1.23]]);
  });

  it("shows a ping without a pong as a time that grows", () => {
    const room = new Room();
    const peer = new Peer(room, "Ann");
    room.enter(peer.connection);
    peer.data.roundTrip = 1;
    peer.data.pingedAt = performance.now() - 5000;
    room.tellRoundTrips();
    assert.ok((peer.got[1].of?.[0][1] ?? 0) >= 5000);
  });

  it("is forgotten when it is empty and there are many, oldest first", () => {
    const rooms = new Rooms();
    const [kept, oldest] = [rooms.get("kept"), rooms.get("oldest")];
    kept.enter(new Peer(kept, "Ann").connection);
    for (let i = 0; i < 255; i++) rooms.get(`room ${i}`);
    assert.equal(rooms.get("kept"), kept);
    assert.equal([...rooms.values()].length, 256);
    assert.equal([...rooms.values()].includes(oldest), false);
  });
});

describe("a name in the chat", () => {
  it("has one spelling, and nothing invisible in it", () => {
    assert.equal(readName("  Ada \t Lovelace "), "Ada Lovelace");
    assert.equal(readName("e\u0301"), "\u00e9");
    assert.equal(readName("a\u202eb\u0000c"), "a b c");
    assert.equal(readName("__proto__"), "__proto__");
  });

  it("is refused when it is missing, empty or too long", () => {
    for (const value of [null, "", " \u200b ", "a".repeat(25)]) {
      assert.equal(readName(value), undefined);
    }
    assert.equal(readName("a".repeat(24))?.length, 24);
  });
});
