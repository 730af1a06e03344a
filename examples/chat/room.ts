/**
 * The rooms, who is in them, and what was said.
 *
 * @module
 */
import type { WebSocketConnection } from "../../mod.ts";
import type { FromServer, Said } from "./words.ts";

/** How much of what was said a newcomer is told. */
const HISTORY = 50;
/** Empty rooms past so many are forgotten. */
const MAX_ROOMS = 256;

/** What the handshake attaches to a connection: who it is, and how well it is reached. */
export interface Person {
  name: string;
  readonly room: Room;
  /** More waits for it than it takes. */
  slow: boolean;
  /** How far, at the pace that is asked for, what it said reaches. */
  talkedUntil: number;
  /** When the ping under way left. */
  pingedAt: number | undefined;
  /** How long the last one took. */
  roundTrip: number | undefined;
}

/** A person's connection. */
export type PersonConnection = WebSocketConnection<Person>;

/** A room. */
export class Room {
  /** By name, since in a room everybody has another. */
  readonly people: Map<string, PersonConnection> = new Map();
  readonly #history: Said[] = [];

  /** Lets somebody in, under a name that is free: the second Ann is "Ann 2". */
  enter(connection: PersonConnection): void {
    const person = connection.data;
    const asked = person.name;
    for (let n = 2; this.people.has(person.name); n++) person.name = `${asked} ${n}`;
    this.#tellAll({ type: "joined", name: person.name });
    this.people.set(person.name, connection);
    const welcome: FromServer = {
      type: "welcome",
      you: person.name,
      people: [...this.people.keys()],
      history: this.#history,
    };
    deliver(connection, JSON.stringify(welcome));
  }

  /** Somebody is gone. */
  leave(connection: PersonConnection): void {
    this.people.delete(connection.data.name);
    this.#tellAll({ type: "left", name: connection.data.name });
  }

  /** Passes on what somebody says, to everybody in the room. */
  say(name: string, text: string): void {
    const said: Said = { id: crypto.randomUUID(), name, text, at: Date.now() };
    this.#history.push(said);
    if (this.#history.length > HISTORY) this.#history.shift();
    this.#tellAll({ type: "said", said });
  }

  /** Sends everybody how long everybody's round trip takes; one under way counts as it grows. */
  tellRoundTrips(): void {
    const now = performance.now();
    const of: [string, number][] = [];
    for (const [name, { data: { pingedAt, roundTrip } }] of this.people) {
      const pending = pingedAt === undefined ? 0 : now - pingedAt;
      const figure = Math.max(roundTrip ?? 0, pending);
      if (figure > 0) of.push([name, Math.round(figure * 100) / 100]);
    }
    // Who is slow gets none of them: when there is room again, newer figures will be known.
    this.#tellAll({ type: "roundTrips", of }, ({ slow }) => !slow);
  }

  #tellAll(message: FromServer, whom: (person: Person) => boolean = () => true): void {
    const text = JSON.stringify(message);
    for (const connection of this.people.values()) {
      if (whom(connection.data)) deliver(connection, text);
    }
  }
}

/**
 * `send` gives false when more waits than the peer takes. What was said goes out all the same, and
 * waits: `maxBufferedAmount` bounds that, and closes the connection of who never catches up.
 */
function deliver(connection: PersonConnection, text: string): void {
  if (!connection.send(text)) connection.data.slow = true;
}

/** Every room, by name. */
export class Rooms {
  readonly #rooms = new Map<string, Room>();

  /** The room of that name, which comes to be when it is first asked for. */
  get(name: string): Room {
    let room = this.#rooms.get(name);
    if (room === undefined) {
      this.#forget();
      room = new Room();
      this.#rooms.set(name, room);
    }
    return room;
  }

  /** The rooms. */
  values(): Iterable<Room> {
    return this.#rooms.values();
  }

  /** Forgets the oldest empty room, if there are many. */
  #forget(): void {
    if (this.#rooms.size < MAX_ROOMS) return;
    for (const [name, room] of this.#rooms) {
      if (room.people.size === 0) return void this.#rooms.delete(name);
    }
  }
}
