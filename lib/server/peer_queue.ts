/**
 * Sockets in the order of their age, grouped by the address of the peer, so that a server that is full
 * can drop the one that is missed least: the oldest of the address that holds most. Every operation
 * takes constant time, however many addresses there are: an attacker chooses their number.
 *
 * @module
 */
import type { TransportAddress } from "../link/transport.ts";

/** The neighbours of a member of a list. */
interface Links<Node> {
  before: Node | undefined;
  after: Node | undefined;
}

/** A list that any member leaves in constant time. A Set has to skip those that have left. */
class List<Node extends Links<Node>> {
  first: Node | undefined;
  last: Node | undefined;

  append(node: Node): void {
    node.before = this.last;
    node.after = undefined;
    if (this.last === undefined) this.first = node;
    else this.last.after = node;
    this.last = node;
  }

  remove(node: Node): void {
    const { before, after } = node;
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.last = before;
    else after.before = before;
    node.before = node.after = undefined;
  }
}

/** One item and its place among those of its peer. */
interface Entry<Item> extends Links<Entry<Item>> {
  readonly item: Item;
  readonly group: Group<Item>;
}

/** The items of one peer, and the place of the group among those of its size. */
interface Group<Item> extends Links<Group<Item>> {
  readonly peer: string;
  readonly entries: List<Entry<Item>>;
  size: number;
}

/** Items in the order in which they were added, grouped by peer. */
export class PeerQueue<Item> {
  readonly #entries = new Map<Item, Entry<Item>>();
  readonly #groups = new Map<string, Group<Item>>();
  /** The groups of each size; a size that no group has is missing. */
  readonly #sizes = new Map<number, List<Group<Item>>>();
  #largest = 0;

  /** The number of items. */
  get size(): number {
    return this.#entries.size;
  }

  /** Returns the number of items of one peer. */
  sizeOf(peer: string): number {
    return this.#groups.get(peer)?.size ?? 0;
  }

  /** Adds an item as the newest of its peer. It must not be in the queue. */
  add(item: Item, peer: string): void {
    let group = this.#groups.get(peer);
    if (group === undefined) {
      group = { peer, entries: new List(), size: 0, before: undefined, after: undefined };
      this.#groups.set(peer, group);
    }
    const entry: Entry<Item> = { item, group, before: undefined, after: undefined };
    group.entries.append(entry);
    this.#entries.set(item, entry);
    this.#resize(group, group.size + 1);
  }

  /** Removes an item and returns its peer; undefined if it is not in the queue. */
  delete(item: Item): string | undefined {
    const entry = this.#entries.get(item);
    if (entry === undefined) return undefined;
    const { group } = entry;
    this.#entries.delete(item);
    group.entries.remove(entry);
    this.#resize(group, group.size - 1);
    return group.peer;
  }

  /** Returns the oldest item of one peer; undefined if there is none. */
  oldestOf(peer: string): Item | undefined {
    return this.#groups.get(peer)?.entries.first?.item;
  }

  /**
   * Returns the oldest item of the peer that has most; of several with equally many, that of the peer
   * which has had that many for the longest time. Undefined if the queue is empty.
   */
  oldestOfLargest(): Item | undefined {
    return this.#sizes.get(this.#largest)?.first?.entries.first?.item;
  }

  /** Iterates over all items, in the order in which they were added. */
  [Symbol.iterator](): IterableIterator<Item> {
    return this.#entries.keys();
  }

  /** Moves a group to those of its new size, which differs by 1. */
  #resize(group: Group<Item>, size: number): void {
    const before = this.#sizes.get(group.size);
    before?.remove(group);
    if (before?.first === undefined) this.#sizes.delete(group.size);
    group.size = size;
    if (size === 0) this.#groups.delete(group.peer);
    else {
      let peers = this.#sizes.get(size);
      if (peers === undefined) this.#sizes.set(size, peers = new List());
      peers.append(group);
    }
    if (size > this.#largest) this.#largest = size;
    else if (!this.#sizes.has(this.#largest)) this.#largest--;
  }
}

/**
 * Returns what a peer is counted by: its IPv4 address, or the first 64 bits of its IPv6 address, since
 * one customer usually has them all. An IPv4 address that is written as one of IPv6 (`::ffff:`) is an
 * IPv4 address. All peers of a Unix socket are one.
 */
export function peerOf(address: TransportAddress | undefined): string {
  if (address === undefined || address.transport !== "tcp") return "";
  const { hostname } = address;
  if (!hostname.includes(":")) return hostname;
  const groups = expandIPv6(hostname);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  return isMapped
    ? [groups[6] >> 8, groups[6] & 255, groups[7] >> 8, groups[7] & 255].join(".")
    : groups.slice(0, 4).map((group) => group.toString(16)).join(":") + "::/64";
}

/** Returns the eight groups of an IPv6 address that the system has written. */
function expandIPv6(address: string): number[] {
  const [text] = address.split("%"); // the zone
  const [start, end] = text.split("::").map(readGroups);
  return end === undefined
    ? start
    : [...start, ...new Array(Math.max(8 - start.length - end.length, 0)).fill(0), ...end];
}

function readGroups(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return parseInt(group, 16);
    const [a, b, c, d] = group.split(".").map(Number);
    return [a << 8 | b, c << 8 | d];
  });
}
