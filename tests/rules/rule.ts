/** What a row of the list of rules is. */

/** How strict a rule is (RFC 2119). Where the RFC writes "must" in lower case, it counts as MUST. */
export type Level = "MUST" | "MUST NOT" | "SHOULD" | "SHOULD NOT";

/**
 * The names of tests for each role. `*` stands for what a template or a table fills in. A rule for
 * what one end sends may be tested at the other as well, as what that one refuses.
 */
export interface RoleTests {
  client?: readonly string[];
  server?: readonly string[];
}

/** A rule of an RFC, in words of our own, and the tests that fail when it is broken. */
export interface Rule {
  /** The section, and the item of its list if it has one. */
  section: string;
  level: Level;
  rule: string;
  /** Whom it binds; an endpoint is either. Each has tests. */
  who: "client" | "server" | "endpoint" | "other";
  tests?: RoleTests;
  /** Why there are none. */
  not?: string;
}

/** Tests that run in both roles; `{role}` in a name is the role. */
export function both(...names: readonly string[]): RoleTests {
  const as = (role: string): string[] => names.map((name) => name.replaceAll("{role}", role));
  return { client: as("client"), server: as("server") };
}
