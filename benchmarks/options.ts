/**
 * The options of the benchmarks.
 *
 * @module
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";

/** What the command line asks for. */
export interface BenchmarkOptions {
  /** Rounds of each contender; a pair is one round of each, one after the other. */
  pairs: number;
  /** Short rounds, to see that it runs; the figures mean little. */
  quick: boolean;
  /** Only what has one of these in its name; all if there is none. */
  only: string[];
  /** Where the figures go. */
  json: string;
  /** The root of another checkout of this library, to be compared with in place of the peers. */
  base: string | undefined;
}

export const USAGE = `deno task bench [options]

  --quick       three short rounds of everything: does it run?
  --pairs N     rounds of each contender (7)
  --only NAME   only what has NAME in its name, such as echo, client, idle, codec, deflate,
                compressed, echo/node, 64-binary-32, deflate/bun/json; may be given more than once
  --base DIR    compare with the checkout of this library in DIR in place of the peers (echo,
                client, idle)
  --json FILE   where to write the figures (benchmarks/results/latest.json)
`;

/**
 * Reads the command line; undefined when it asks for help.
 *
 * @throws {TypeError} If it cannot be understood.
 */
export function readOptions(args: string[]): BenchmarkOptions | undefined {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: "boolean", default: false },
      pairs: { type: "string" },
      only: { type: "string", multiple: true, default: [] },
      base: { type: "string" },
      json: { type: "string", default: "benchmarks/results/latest.json" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const pairs = Number(values.pairs ?? (values.quick ? 3 : 7));
  if (!Number.isSafeInteger(pairs) || pairs < 1) {
    throw new TypeError(`Cannot read options: --pairs must be a whole number from 1`);
  }
  return {
    pairs,
    quick: values.quick,
    only: values.only,
    json: resolve(values.json),
    base: values.base === undefined ? undefined : resolve(values.base),
  };
}

/** Whether `name` is among what was asked for. */
export function isWanted(name: string, options: BenchmarkOptions): boolean {
  return options.only.length === 0 || options.only.some((part) => name.includes(part));
}
