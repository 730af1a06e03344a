/** The list of rules: each row has tests, and each test is there. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { rules } from "./rules.ts";
import { rfc7692 } from "./rules/rfc7692.ts";
import { rfc8441 } from "./rules/rfc8441.ts";
import type { Rule } from "./rules/rule.ts";
import { vectors } from "./vectors.ts";

const tests = fileURLToPath(new URL(".", import.meta.url));

/** A call of `it` or `test` that begins a line, and its name: a string, or a template. */
const CALL = /^[ \t]*(?:it|test)\(\s*(?:"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/gm;

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory()) return sources(`${path}/`);
    return path.endsWith("_test.ts") ? [path] : [];
  });
}

/** The names of all tests, each with its file; what a template fills in is `*`. */
function collect(): Map<string, Set<string>> {
  const names = new Map<string, Set<string>>();
  const add = (name: string, file: string): void => {
    names.set(name, (names.get(name) ?? new Set()).add(file));
  };
  for (const path of sources(tests)) {
    for (const [, plain, template] of readFileSync(path, "utf8").matchAll(CALL)) {
      const name = plain ?? template.replaceAll(/\$\{[^}]*\}/g, "*");
      add(name.replaceAll(/\\(.)/g, "$1"), path);
    }
  }
  // tests/message/vectors_test.ts makes a test of each row of the table.
  for (const { name } of vectors) add(name, "vectors");
  return names;
}

const names = collect();

/** The files with a test of this name. A `*` stands for any text; alone it would mean all tests. */
function filesWith(name: string): Set<string> {
  const exact = names.get(name);
  if (exact !== undefined || !name.includes("*")) return exact ?? new Set();
  const parts = name.split("*");
  return new Set([...names].flatMap(([test, files]) => matches(test, parts) ? [...files] : []));
}

function matches(test: string, parts: readonly string[]): boolean {
  const first = parts[0], last = parts[parts.length - 1];
  if (!test.startsWith(first) || !test.endsWith(last)) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = test.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at + last.length <= test.length;
}

const ROLES: Record<Rule["who"], readonly ("client" | "server")[]> = {
  client: ["client"],
  server: ["server"],
  endpoint: ["client", "server"],
  other: [],
};

function titleOf({ section, level, rule }: Rule): string {
  return `${section} ${level}: ${rule}`;
}

/** What holds for each list of rules. */
function checks(rules: readonly Rule[]): void {
  it("each has tests for each role that it binds, or says why not", () => {
    for (const row of rules) {
      const { who, tests, not } = row;
      if (not !== undefined) {
        assert.ok(not.length > 10 && tests === undefined, titleOf(row));
        continue;
      }
      for (const role of ROLES[who]) {
        assert.ok((tests?.[role]?.length ?? 0) > 0, `no test for a ${role}: ${titleOf(row)}`);
      }
      assert.notEqual(who, "other", titleOf(row));
    }
  });

  it("each test that they name is there, in one file", () => {
    const missing: string[] = [];
    for (const row of rules) {
      for (const name of [...row.tests?.client ?? [], ...row.tests?.server ?? []]) {
        const files = filesWith(name);
        if (files.size === 0) missing.push(`${titleOf(row)}\n    no test "${name}"`);
        if (files.size > 1) missing.push(`${titleOf(row)}\n    several files have "${name}"`);
      }
    }
    assert.deepEqual(missing, []);
  });

  it("none is listed twice", () => {
    const seen = new Set<string>();
    for (const row of rules) {
      const title = titleOf(row);
      assert.ok(!seen.has(title), title);
      seen.add(title);
    }
  });
}

describe("the rules of RFC 6455", () => {
  checks(rules);

  it("they are of sections 4, 5, 7 and 8, and few have no tests", () => {
    for (const section of ["4.1", "4.2.1", "4.2.2", "4.3", "4.4", "5.1", "5.2", "5.3", "5.4"]) {
      assert.ok(rules.some((row) => row.section.split(" ")[0] === section), section);
    }
    for (const section of ["5.5", "5.5.1", "5.5.2", "5.5.3", "5.6", "5.8", "7.1.1", "7.1.2"]) {
      assert.ok(rules.some((row) => row.section === section), section);
    }
    for (const section of ["7.1.7", "7.2.1", "7.2.2", "7.2.3", "7.3", "7.4.1", "8.1"]) {
      assert.ok(rules.some((row) => row.section === section), section);
    }
    assert.ok(rules.filter(({ not }) => not !== undefined).length < rules.length / 5);
  });
});

describe("the rules of RFC 7692", () => {
  checks(rfc7692);

  it("they are of sections 5 to 7, and all but those for intermediaries have tests", () => {
    for (const section of ["5", "5.1", "6", "6.1", "6.2", "7", "7.1.1.1", "7.1.1.2", "7.1.2"]) {
      assert.ok(rfc7692.some((row) => row.section === section), section);
    }
    for (const section of ["7.1.2.1", "7.1.2.2", "7.2.1", "7.2.2", "7.2.3.4", "7.2.3.6"]) {
      assert.ok(rfc7692.some((row) => row.section === section), section);
    }
    assert.ok(rfc7692.every(({ not, who }) => not === undefined || who === "other"));
  });
});

describe("the rules of RFC 8441", () => {
  checks(rfc8441);

  it("they are of sections 3 to 5, and all but those for a session have tests", () => {
    for (const section of ["3", "4", "5"]) {
      assert.ok(rfc8441.some((row) => row.section === section), section);
    }
    assert.ok(rfc8441.every(({ not, who }) => not === undefined || who === "other"));
  });
});

describe("the names of tests", () => {
  it("an unknown name is found out, and so is half of one", () => {
    assert.equal(filesWith("no such test").size, 0);
    assert.equal(filesWith("by both at once").size, 0);
    assert.equal(filesWith("by both at once: *").size, 1);
    assert.equal(filesWith("by both *: * each each").size, 0);
    assert.equal(filesWith("5.2: opcode 3 is reserved, FIN 1 (to a server)").size, 1);
  });
});
