/**
 * Checks the names of options and handlers, so that none is ignored because it is mistyped.
 *
 * @module
 */

/** The names of a set of options. TypeScript requires exactly the keys of `Options`. */
export type OptionNames<Options> = { readonly [Name in keyof Options]-?: true };

/** Any names: `true` for a known one, or the reason why a name is not accepted here. */
export type Names = Readonly<Record<string, true | string>>;

/** How an error names what is checked. */
export interface NameContext {
  /** What cannot be done because of a wrong name. @default {"read options"} */
  verb?: string;
  /** What holds the names, with a dot: `"tls."`. @default {""} */
  prefix?: string;
  /** What a name stands for. @default {"an option"} */
  noun?: string;
}

/**
 * Checks that `given` is an object of options, and that each of its own enumerable keys whose value is
 * not undefined is a known name.
 *
 * @throws {TypeError} If it is not an object, or a name is unknown; the nearest known names are
 * suggested.
 */
export function checkNames(given: unknown, known: Names, context: NameContext = {}): void {
  const { verb = "read options", prefix = "", noun = "an option" } = context;
  if (
    typeof given !== "object" || given === null || Array.isArray(given) || ArrayBuffer.isView(given)
  ) {
    const what = prefix === "" ? "the options" : prefix.slice(0, -1);
    throw new TypeError(`Cannot ${verb}: ${what} must be an object, got ${typeName(given)}`);
  }
  const values = given as Readonly<Record<string, unknown>>;
  for (const name in values) {
    const entry = known[name];
    if (entry === true || !Object.hasOwn(values, name) || values[name] === undefined) continue;
    const why = typeof entry === "string" && Object.hasOwn(known, name)
      ? entry
      : `is not ${noun}${suggestion(name, known, prefix)}`;
    throw new TypeError(`Cannot ${verb}: ${prefix}${name} ${why}`);
  }
}

/**
 * Checks that an option is a function, if it is given.
 *
 * @throws {TypeError} If it is something else.
 */
export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") {
    throw new TypeError(`Cannot read options: ${name} must be a function, got ${typeName(value)}`);
  }
}

/**
 * Checks that an option is a string, if it is given.
 *
 * @throws {TypeError} If it is something else.
 */
export function checkString(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "string") {
    throw new TypeError(`Cannot read options: ${name} must be a string, got ${typeName(value)}`);
  }
}

/**
 * Checks that a value is an object with methods of these names.
 *
 * @param what What cannot be done, and what the value must be: `"connect: http2 must be a session"`.
 * @throws {TypeError} If it is something else.
 */
export function checkMethods(what: string, value: unknown, ...names: readonly string[]): void {
  const methods = value as Readonly<Record<string, unknown>> | null;
  if (
    typeof methods === "object" && methods !== null &&
    names.every((name) => typeof methods[name] === "function")
  ) return;
  throw new TypeError(`Cannot ${what}, got ${typeName(value)}`);
}

/**
 * Checks that the option `signal` is an AbortSignal, if it is given. Null stands for none, as in `fetch`.
 *
 * @throws {TypeError} If it is something else.
 */
export function checkSignal(verb: string, signal: unknown): void {
  if (signal === undefined || signal === null) return;
  checkMethods(`${verb}: signal must be an AbortSignal`, signal, "throwIfAborted");
}

/** Returns the type of a value for an error: `"null"`, `"string"`, `"Array"`, `"Promise"`. */
export function typeName(value: unknown): string {
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** Few enough to list all known names where none resembles the unknown one. */
const FEW_NAMES = 6;

/** Returns what to append to an error about an unknown name. */
function suggestion(name: string, known: Names, prefix: string): string {
  const names = Object.keys(known).filter((each) => known[each] === true);
  const distances = names.map((each) => nameDistance(name, each));
  const least = Math.min(...distances);
  const bare = bareName(name);
  const tolerance = Math.ceil(bare.length / 4);
  const near = names.filter((each, i) =>
    least <= tolerance && distances[i] === least ||
    bare.length > 2 && each.toLowerCase().includes(bare) ||
    each.length > 3 && bare.includes(each.toLowerCase())
  );
  const list = (some: readonly string[], last: string): string =>
    some.map((each) => prefix + each).join(", ").replace(/, ([^,]*)$/, `${last}$1`);
  if (near.length > 0) return `; did you mean ${list(near, " or ")}?`;
  return names.length > FEW_NAMES ? "" : `; known: ${list(names, " and ")}`;
}

/** Returns a name in lower case, without a leading `on`. */
export function bareName(name: string): string {
  const lower = name.toLowerCase();
  return lower.startsWith("on") && lower.length > 2 ? lower.slice(2) : lower;
}

/**
 * Returns how many letters differ between two names, without regard to case and a leading `on`: added,
 * left out, replaced, or two neighbors exchanged.
 */
export function nameDistance(one: string, other: string): number {
  const a = bareName(one), b = bareName(other);
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        next[j] = Math.min(next[j], before[j - 2] + 1);
      }
    }
    before = row;
    row = next;
  }
  return row[b.length];
}
