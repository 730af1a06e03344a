import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { peerOf, PeerQueue } from "../../lib/server/peer_queue.ts";

/** The same as a PeerQueue, by going through all of them. */
class Model {
  items: { item: number; peer: string }[] = [];
  /** The peers, in the order in which their number last changed. */
  changed: string[] = [];

  sizeOf(peer: string): number {
    return this.items.filter((each) => each.peer === peer).length;
  }

  change(peer: string): void {
    this.changed = [...this.changed.filter((each) => each !== peer), peer];
  }

  oldestOf(peer: string | undefined): number | undefined {
    return this.items.find((each) => each.peer === peer)?.item;
  }

  oldestOfLargest(): number | undefined {
    const most = Math.max(...this.changed.map((peer) => this.sizeOf(peer)));
    return this.oldestOf(this.changed.find((peer) => this.sizeOf(peer) === most));
  }
}

describe("PeerQueue", () => {
  it("finds the oldest of a peer, and of the peer that has most, after any changes", () => {
    const change = fc.record({
      peer: fc.constantFrom("a", "b", "c", "d"),
      remove: fc.option(fc.nat({ max: 20 }), { nil: undefined }),
    });
    fc.assert(fc.property(fc.array(change, { maxLength: 100 }), (changes) => {
      const queue = new PeerQueue<number>(), model = new Model();
      changes.forEach(({ peer, remove }, item) => {
        if (remove === undefined) {
          queue.add(item, peer);
          model.items.push({ item, peer });
          model.change(peer);
        } else {
          const [removed] = model.items.splice(remove, 1);
          assert.equal(queue.delete(removed?.item ?? -1), removed?.peer);
          if (removed !== undefined) model.change(removed.peer);
        }
        assert.equal(queue.size, model.items.length);
        for (const each of ["a", "b", "c", "d"]) {
          assert.equal(queue.sizeOf(each), model.sizeOf(each));
          assert.equal(queue.oldestOf(each), model.oldestOf(each));
        }
        assert.equal(queue.oldestOfLargest(), model.oldestOfLargest());
        assert.deepEqual([...queue], model.items.map((each) => each.item));
      });
    }));
  });
});

describe("peerOf", () => {
  const tcp = (hostname: string): string => peerOf({ transport: "tcp", hostname, port: 1 });

  it("is the IPv4 address, however it is written", () => {
    for (const address of ["192.0.2.1", "::ffff:192.0.2.1", "::FFFF:c000:201"]) {
      assert.equal(tcp(address), "192.0.2.1", address);
    }
    assert.equal(tcp("0:0:0:0:0:ffff:192.0.2.1"), "192.0.2.1");
  });

  it("is the first 64 bits of an IPv6 address", () => {
    const same = [
      "2001:db8:1:2::1",
      "2001:db8:1:2:3:4:5:6",
      "2001:0DB8:0001:0002::ffff",
      "2001:db8:1:2::",
    ];
    for (const address of same) assert.equal(tcp(address), "2001:db8:1:2::/64", address);
    assert.equal(tcp("2001:db8:1:3::1"), "2001:db8:1:3::/64");
    assert.equal(tcp("2001:db8::1"), "2001:db8:0:0::/64");
    assert.equal(tcp("::1"), "0:0:0:0::/64");
    assert.equal(tcp("::"), "0:0:0:0::/64");
    assert.equal(tcp("fe80::1:2%eth0"), "fe80:0:0:0::/64");
    assert.equal(tcp("::192.0.2.1"), "0:0:0:0::/64");
  });

  it("is one for all peers of a Unix socket, and for those whose address is not known", () => {
    assert.equal(peerOf({ transport: "unix", hostname: "/run/a", port: 0 }), "");
    assert.equal(peerOf(undefined), "");
  });
});
