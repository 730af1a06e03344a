/**
 * Peers that stop reading, and users who do, over real sockets, the connection under test in a
 * process of its own: nothing piles up, and nothing is lost.
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { Role } from "../../mod.ts";
import type { ConsumerWay } from "./pressure/consumers.ts";
import { MIB, tellsMemory } from "./pressure/memory.ts";
import { MESSAGE_SIZE, OFFERED } from "./pressure/offers.ts";
import { RawPeer } from "./pressure/raw_peer.ts";
import { type Sender, SENDERS, sendUntilHeld } from "./pressure/senders.ts";
import { Subject, untilStill, type Way } from "./pressure/subject.ts";
import { until } from "../support/until.ts";

/** A guard against hanging, in milliseconds. */
const options = { timeout: 120_000, skip: !tellsMemory };
const ROLES: readonly Role[] = ["server", "client"];

/** The default of `sendHighWaterMark`, and of `maxBufferedAmount`. */
const HIGH_WATER_MARK = 65_536, MAX_BUFFERED = 16 * MIB;
/** The longest header of a frame. */
const HEADER = 14;
/** What the system's own buffers may hold, with room to spare: on Linux 32 MiB and 4 MiB. */
const SYSTEM = 64 * MIB;

/** A bare peer that does not read, at the other end of a connection of the process. */
async function rawPeerOf(subject: Subject, role: Role, way: Way): Promise<RawPeer> {
  if (role === "server") return await RawPeer.connect(subject.url("it", way));
  const { url, peer } = await RawPeer.accept();
  await subject.ask({ do: "connect", url: `${url}?id=it&way=${way}` });
  return await peer;
}

for (const role of ROLES) {
  describe(`a peer that stops reading, of a ${role}`, () => {
    it("holds back 1 GiB that is offered under ready; later it all arrives", options, async () => {
      await using subject = await Subject.start();
      const before = await subject.peak();
      await using peer = await rawPeerOf(subject, role, "offer");
      const state = (): ReturnType<Subject["ask"]> => subject.ask({ do: "state", id: "it" });

      const sent = await untilStill(async () => (await state()).sent ?? 0);
      assert.ok(sent < SYSTEM && sent < OFFERED, `${sent} bytes were not held back`);
      const { mostBuffered = NaN, bufferedAmount = NaN, readyState } = await state();
      assert.ok(bufferedAmount > 0);
      assert.ok(
        mostBuffered <= HIGH_WATER_MARK + MESSAGE_SIZE + HEADER,
        `${mostBuffered} bytes were buffered`,
      );
      assert.equal(readyState, 1);
      const held = await subject.peak() - before;
      assert.ok(held < 16 * MIB, `peak memory grew by ${held} bytes while all was held back`);

      const warm = await subject.peakWithGarbage();
      const { size } = await subject.ask({ do: "limit", id: "it", size: 64 * MIB });
      await peer.read();
      assert.equal(peer.pattern.position, size);
      assert.equal(peer.closeCode, 1000);
      const after = await state();
      assert.deepEqual([after.sent, after.bufferedAmount], [size, 0]);
      const grown = await subject.peak() - warm;
      assert.ok(grown < 32 * MIB, `peak memory grew by ${grown} bytes while it was taken`);
    });

    it("is closed with 1008 when 1 GiB is offered without waiting", options, async () => {
      await using subject = await Subject.start();
      const before = await subject.peak();
      await using peer = await rawPeerOf(subject, role, "flood");
      const state = (): ReturnType<Subject["ask"]> => subject.ask({ do: "state", id: "it" });
      await until("it is so", async () => {
        const { readyState, sent } = await state();
        return readyState !== 1 || sent === OFFERED;
      });
      const { sent = NaN, mostBuffered = NaN } = await state();
      assert.ok(sent < OFFERED, "all of it was taken");
      assert.ok(
        mostBuffered > MAX_BUFFERED && mostBuffered <= MAX_BUFFERED + MESSAGE_SIZE + HEADER,
        `${mostBuffered} bytes were buffered`,
      );
      assert.equal((await subject.ask({ do: "send", id: "it" })).accepted, false);
      // A buffer that grows is copied to one of twice the size; behind it lies what was copied before,
      // and the garbage of what was sent.
      const grown = await subject.peak() - before;
      assert.ok(grown < 6 * MAX_BUFFERED, `peak memory grew by ${grown} bytes`);

      // What had begun to leave arrives whole, and behind it stands why there is no more.
      await peer.read();
      assert.equal(peer.closeCode, 1008);
      assert.equal(peer.pattern.position % MESSAGE_SIZE, 0);
      assert.ok(peer.pattern.position <= sent);
      const { option, closeCode } = await subject.ask({ do: "closed", id: "it" });
      assert.deepEqual({ option, closeCode }, { option: "maxBufferedAmount", closeCode: 1008 });
    });

    it("is dropped when it takes nothing for sendTimeout", options, async () => {
      await using subject = await Subject.start({ sendTimeout: 200 });
      await using _ = await rawPeerOf(subject, role, "offer");
      const { option, closeCode, wasClean } = await subject.ask({ do: "closed", id: "it" });
      // The Close that tells why cannot leave either.
      assert.deepEqual({ option, closeCode, wasClean }, {
        option: "sendTimeout",
        closeCode: undefined,
        wasClean: false,
      });
      assert.equal((await subject.ask({ do: "send", id: "it" })).accepted, false);
    });
  });
}

/** Users who stop reading. */
const WAYS: readonly ConsumerWay[] = ["iteration", "readable", "handler", "pause", "pieces"];

describe(`users who stop reading (${WAYS.join(", ")})`, () => {
  /** Each kind of peer sends to each kind of user, until it is held up. */
  function holdUp(subject: Subject): Promise<{ sender: Sender; sent: number }[]> {
    return Promise.all(WAYS.flatMap((way) =>
      SENDERS.map(async (open) => {
        const sender = await open(subject, way);
        return { sender, sent: await sendUntilHeld(sender, way, SYSTEM) };
      })
    ));
  }

  it("make the peer wait, and hold little themselves; then nothing is lost", options, async () => {
    await using subject = await Subject.start();
    const before = await subject.peak();
    const held = await holdUp(subject);
    for (const { sender: { id } } of held) {
      const { messagesReceived = NaN } = await subject.ask({ do: "state", id });
      assert.ok(messagesReceived <= 17, `${id}: ${messagesReceived} messages were received`);
    }
    // 1 MiB of messages, or of the one that is read in pieces, and as much of the chunk behind it.
    const grown = await subject.peak() - before;
    assert.ok(grown < held.length * 4 * MIB, `peak memory grew by ${grown} bytes`);
    await Promise.all(held.map(({ sender, sent }) => letRead(subject, sender, sent)));
  });

  it("lose nothing by pings that are due meanwhile", options, async () => {
    const pingTimeout = 2_000;
    await using subject = await Subject.start({ pingInterval: 50, pingTimeout });
    const held = await holdUp(subject);
    // Longer than a peer might be silent that is not held up.
    await new Promise((resolve) => setTimeout(resolve, pingTimeout + 500));
    await Promise.all(held.map(async ({ sender, sent }) => {
      await letRead(subject, sender, sent);
      const { id, pings } = sender;
      assert.ok(pings === undefined || pings > 5, `${id} saw ${pings} pings`);
    }));
  });
});

/** The user reads what was sent, and the peer closes. */
async function letRead(subject: Subject, sender: Sender, sent: number): Promise<void> {
  const { id } = sender;
  assert.ok(sender.bufferedAmount > 0, `${id}: all of it was taken`);
  assert.equal((await subject.ask({ do: "state", id })).readyState, 1);
  sender.send("the end");
  const { bytes } = await subject.ask({ do: "read", id });
  assert.equal(bytes, sent);
  await until("it is so", () => sender.bufferedAmount === 0);
  assert.equal(await sender.close(), true, `${id}: it was no clean end`);
  assert.equal((await subject.ask({ do: "closed", id })).option, undefined);
}
