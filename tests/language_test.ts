/**
 * The vocabulary of the project: identifiers and phrases of its old dialect that nothing may contain any
 * more, in code, documentation, examples and the names of tests.
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Identifiers, matched as whole words. */
const identifiers = [
  "FrameWay",
  "OutgoingWay",
  "flushPiece",
  "Outlet",
  "OutletEvents",
  "LentDecoder",
  "Borrower",
  "giveBack",
  "giveBackWithin",
  "lendCopy",
  "lendInflater",
  "lendDeflater",
  "returnInflater",
  "returnDeflater",
  "borrowCodes",
  "returnCodes",
  "Collector",
  "Gatherer",
  "GatherOptions",
  "Beginnings",
  "makePair",
  "PairCore",
  "DecoderPair",
  "Inbox",
  "InboxOwner",
  "Taker",
  "Promised",
  "weigh",
  "ConnectionUser",
  "checkUser",
  "OpeningOwner",
  "OpeningPhase",
  "plainRequest",
  "admit",
  "Admission",
  "AdmissionFacts",
  "RequestFacts",
  "judgeRequest",
  "judgeConnect",
  "judgeOffer",
  "judgeHeader",
  "settleHook",
  "HandshakeVerdict",
  "inTime",
  "Deadline",
  "Deadlines",
  "Timed",
  "gotMessage",
  "gotPing",
  "gotPong",
  "gotDrain",
  "gotClose",
  "closeHasLeft",
  "MOST_HASHES",
  "MOST_OF_UTF16",
  "GATHER_TIME",
  "choosy",
  "thrifty",
  "thorough",
];

/** Phrases, matched in comments, documents and the names of tests. */
const phrases = [
  /\bis none of\b(?! the)/,
  /\bthat is none\b/i,
  /\bno token\b/,
  /\bthe affair of\b/,
  /\bown affair\b/,
  /'s affair\b/,
  /nobody's business/,
  /none of the peer's business/,
  /a message with a hole in it is none/i,
];

/** The first word of a docstring is a verb in the third person, and none of these. */
const docstring = /\/\*\*\s*(?:\* )?(Gives|Makes|Tells|Hears|Judges|Lends|Whom)\b/;

function filesIn(folder: string): string[] {
  return readdirSync(root + folder, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : filesIn(path);
    return /\.(ts|md)$/.test(path) ? [path] : [];
  });
}

const library = ["mod.ts", ...filesIn("lib"), ...filesIn("examples")];
const documents = readdirSync(root).filter((name) => name.endsWith(".md"));

function read(path: string): string {
  return readFileSync(root + path, "utf8");
}

/** The names of the tests of a file. */
function testNames(path: string): string {
  return [...read(path).matchAll(/\b(?:it|describe)\(\s*(["`])((?:[^\\]|\\.)*?)\1/g)]
    .map((match) => match[2]).join("\n");
}

describe("the vocabulary", () => {
  const words = new RegExp(`\\b(${identifiers.join("|")})\\b`);
  const tests = filesIn("tests").filter((path) => path.endsWith("_test.ts"));

  it("finds the files", () => {
    assert.ok(library.length > 150 && documents.length >= 4 && tests.length > 100);
    assert.ok(tests.map(testNames).join("\n").split("\n").length > 1000);
  });

  it("has no identifier of the old dialect", () => {
    for (const path of [...library, ...documents]) {
      if (path === "CHANGELOG.md") continue; // which names what was renamed
      const found = read(path).match(words);
      assert.equal(found, null, `${path} has ${found?.[1]}`);
    }
    for (const path of tests) {
      const found = testNames(path).match(words);
      assert.equal(found, null, `a test of ${path} has ${found?.[1]} in its name`);
    }
  });

  it("has no phrase of the old dialect", () => {
    for (const path of [...library, ...documents, ...tests]) {
      const text = tests.includes(path) ? testNames(path) : read(path);
      for (const phrase of phrases) {
        const found = text.match(phrase);
        assert.equal(found, null, `${path}: ${found?.[0]}`);
      }
    }
  });

  it("has docstrings that begin with a verb in the third person", () => {
    for (const path of library) {
      const found = read(path).match(docstring);
      assert.equal(found, null, `${path} has a docstring that begins with ${found?.[1]}`);
    }
  });
});
