/** Commands for fast-check: one action or several in one tick, steps of the network, time. */

import fc from "fast-check";
import type { Role } from "../../../lib/frame/opcode.ts";
import type { MessageType } from "../../../lib/message/message.ts";
import { act, type Action, allows } from "./actions.ts";
import type { Model } from "./model.ts";
import type { World } from "./world.ts";

/** One side does something. */
export interface Move {
  side: Role;
  action: Action;
  /** Within the next handler of that event, if there is one; or else now. */
  within?: string | undefined;
}

/** What follows a command before the next one. */
export type Pace = "none" | "turn" | "step" | "quiet";

type ModelCommand = fc.AsyncCommand<Model, World>;

/** Moves that happen in one tick. */
export class Moves implements ModelCommand {
  readonly #moves: readonly Move[];
  readonly #pace: Pace;

  /** Makes the command. */
  constructor(moves: readonly Move[], pace: Pace) {
    this.#moves = moves;
    this.#pace = pace;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, world: World): Promise<void> {
    for (const { side, action, within } of this.#moves) {
      const end = world.end(side);
      if (within !== undefined) end.arm(within, () => act(end, action));
      else if (allows(model.side(side), action)) act(end, action);
    }
    check(model, world);
    if (this.#pace === "step") world.step(1);
    else if (this.#pace === "turn") await world.turn();
    else if (this.#pace === "quiet") await world.quiet();
    check(model, world);
  }

  toString(): string {
    const moves = this.#moves.map(({ side, action, within }) =>
      `${side}${within === undefined ? "" : ` at ${within}`} ${JSON.stringify(action)}`
    );
    return `${moves.join(" + ")} (${this.#pace})`;
  }
}

/** The network moves a little. */
export class Step implements ModelCommand {
  readonly #count: number;

  /** Makes the command. */
  constructor(count: number) {
    this.#count = count;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, world: World): Promise<void> {
    world.step(this.#count);
    await world.turns(3);
    check(model, world);
  }

  toString(): string {
    return `step ${this.#count}`;
  }
}

/** Time passes. */
export class Pass implements ModelCommand {
  readonly #ms: number;
  readonly #still: boolean;

  /** Makes the command; with `still` the network rests meanwhile. */
  constructor(ms: number, still: boolean) {
    this.#ms = ms;
    this.#still = still;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, world: World): Promise<void> {
    await world.pass(this.#ms, this.#still);
    check(model, world);
  }

  toString(): string {
    return `pass ${this.#ms} ms${this.#still ? ", the network rests" : ""}`;
  }
}

/** Reality is never behind what was asked for. */
function check(model: Model, world: World): void {
  world.check();
  for (const side of ["client", "server"] as const) {
    const { state } = model.side(side), { readyState } = world.end(side).connection;
    if (readyState < state) {
      throw new Error(`${side}: readyState ${readyState}, asked for ${state}`);
    }
  }
}

const side = fc.constantFrom<Role>("client", "server");
const type = fc.constantFrom<MessageType>("text", "binary");
const by = fc.oneof(
  { weight: 5, arbitrary: fc.constant("send" as const) },
  { weight: 1, arbitrary: fc.constant("writer" as const) },
);
const size = fc.oneof(
  { weight: 8, arbitrary: fc.nat(40) },
  { weight: 3, arbitrary: fc.constantFrom(120, 126, 300, 1000, 5000) },
  { weight: 1, arbitrary: fc.constantFrom(65_535, 65_536, 65_537, 140_000) },
);
const close = fc.record({
  do: fc.constant("close" as const),
  closeCode: fc.constantFrom(1000, 1000, 1001, 1005, 1011, 3000, 4999),
}).map((status) => ({ ...status, reason: status.closeCode === 4999 ? "so \u20ac long" : "" }));

/** Anything one side can do. */
export const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant("send" as const), type, size, by }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("stream" as const),
      type,
      kind: fc.constantFrom("iterable" as const, "readable" as const),
      by,
      abortable: fc.boolean(),
      chunks: fc.array(size, { maxLength: 3 }),
      then: fc.constantFrom("wait" as const, "wait" as const, "end" as const, "fail" as const),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("give" as const), size }) },
  { weight: 3, arbitrary: fc.constant<Action>({ do: "endSource" }) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: "failSource" }) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: "abortSource" }) },
  { weight: 3, arbitrary: close },
  { weight: 1, arbitrary: fc.constant<Action>({ do: "terminate" }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, 5000, 30_000).map((timeout): Action => ({
      do: "shutdown",
      timeout,
    })),
  },
  { weight: 3, arbitrary: fc.constant<Action>({ do: "pause" }) },
  { weight: 3, arbitrary: fc.constant<Action>({ do: "resume" }) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: "discard" }) },
  { weight: 3, arbitrary: fc.constant<Action>({ do: "ping" }) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: "pong" }) },
  { weight: 3, arbitrary: fc.constant<Action>({ do: "ready" }) },
  {
    weight: 10,
    arbitrary: fc.constantFrom(1, 2, 20).map((count): Action => ({ do: "take", count })),
  },
  { weight: 1, arbitrary: fc.constant<Action>({ do: "failUser" }) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: "cancelReadable" }) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: "closeWriter" }) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: "abortWriter" }) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: "fin" }) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: "reset" }) },
);

const within = fc.oneof(
  { weight: 12, arbitrary: fc.constant(undefined) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("message", "message", "drain", "ping", "pong", "close"),
  },
);
const move: fc.Arbitrary<Move> = fc.record({ side, action, within });
const pace = fc.constantFrom<Pace>("none", "turn", "step", "quiet");

const kinds: fc.Arbitrary<ModelCommand>[] = [
  ...Array<fc.Arbitrary<ModelCommand>>(6).fill(
    fc.tuple(move, pace).map(([move, pace]) => new Moves([move], pace)),
  ),
  fc.tuple(fc.array(move, { minLength: 2, maxLength: 4 }), pace)
    .map(([moves, pace]) => new Moves(moves, pace)),
  fc.constantFrom(1, 2, 5, 20).map((count) => new Step(count)),
  fc.tuple(
    fc.constantFrom(1, 10, 10, 100, 2000, 5000, 10_000, 20_000, 30_000, 60_000),
    fc.boolean(),
  )
    .map(([ms, still]) => new Pass(ms, still)),
];

/** Sequences of commands. */
export function commands(most: number): fc.Arbitrary<Iterable<ModelCommand>> {
  return fc.commands<Model, World, true>(kinds as never, {
    size: "max",
    maxCommands: most,
  }) as never;
}
