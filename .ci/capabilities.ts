/**
 * README.md's table of what works where: made of what the adapters' suite found on each runtime
 * (tests/adapters/capabilities.json).
 *
 *     deno run -A .ci/capabilities.ts            fails if the table says something else
 *     deno run -A .ci/capabilities.ts --write    writes the table
 *     deno run -A .ci/capabilities.ts --try      tries all adapters on all runtimes, then writes it
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import type { Findings } from "../tests/adapters/suite/case.ts";
import { type Known, type Place, readKnown } from "../tests/adapters/suite/known.ts";
import { findRuntime, type RuntimeName, runtimeNames } from "../tests/support/runtimes.ts";

const README = new URL("../README.md", import.meta.url);
const SUITES = new URL("../tests/adapters/", import.meta.url);
const BEGIN = "<!-- what works where: written by .ci/capabilities.ts -->";
const END = "<!-- end of what works where -->";

/** The columns: adapters as the suite calls them, and where each is imported from. */
const columns = [
  { adapter: "listen", from: "`./server`" },
  { adapter: "node:http", from: "`./node`" },
  { adapter: "node:http2", from: "`./node`" },
  { adapter: "Bun.serve", from: "`./bun`" },
  { adapter: "Deno.serve", from: "`./deno`" },
  { adapter: "fromWebSocket", from: "`.`" },
];

/** The rows: what was tried, and what it is where it does not work. */
const rows: { title: string; finding: keyof Findings; otherwise?: string }[] = [
  { title: "`send` tells of a slow peer", finding: "backpressure" },
  { title: "`pause` makes the peer wait", finding: "pause", otherwise: "bounded" },
  { title: "larger than memory", finding: "streaming" },
  { title: "reads compressed messages", finding: "compression" },
  { title: "compresses its own", finding: "deflates" },
  { title: "pings, round-trip time", finding: "ping" },
  { title: "every close code", finding: "anyCloseCode", otherwise: "1000, 3000-4999" },
  { title: "waits for the peer's Close", finding: "answer" },
  { title: "`terminate` drops the peer", finding: "terminate", otherwise: "closes" },
];

const names: Record<Place, string> = { deno: "Deno", bun: "Bun", node: "Node", workerd: "workerd" };
const places = Object.keys(names) as Place[];

function cell(
  findings: Partial<Record<Place, Findings>>,
  finding: keyof Findings,
  otherwise: string,
): string {
  const tried = places.filter((place) => findings[place] !== undefined);
  const works = tried.filter((place) => findings[place]?.[finding]);
  if (works.length === tried.length) return "yes";
  if (works.length === 0) return otherwise;
  return `${works.map((place) => names[place]).join(", ")}${
    otherwise === "no" ? "" : `; else ${otherwise}`
  }`;
}

function tableOf(known: Known): string {
  const of = (adapter: string): Partial<Record<Place, Findings>> => known[adapter] ?? {};
  const lines = [
    ["", ...columns.map(({ adapter }) => `\`${adapter}\``)],
    ["import", ...columns.map(({ from }) => from)],
    [
      "tried on",
      ...columns.map(({ adapter }) =>
        places.filter((place) => of(adapter)[place]).map((place) => names[place]).join(", ")
      ),
    ],
    ...rows.map(({ title, finding, otherwise = "no" }) => [
      title,
      ...columns.map(({ adapter }) => cell(of(adapter), finding, otherwise)),
    ]),
  ];
  const widths = lines[0].map((_, at) => Math.max(...lines.map((line) => line[at].length)));
  const padded = lines.map((line) =>
    `| ${line.map((text, at) => text.padEnd(widths[at])).join(" | ")} |`
  );
  padded.splice(1, 0, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`);
  return padded.join("\n");
}

/** The README with the table in its place. */
function withTable(readme: string, table: string): string {
  const begin = readme.indexOf(BEGIN), end = readme.indexOf(END);
  if (begin === -1 || end < begin) {
    throw new Error(`README.md has no place for the table: ${BEGIN}`);
  }
  return `${readme.slice(0, begin)}${BEGIN}\n\n${table}\n\n${readme.slice(end)}`;
}

function argumentsFor(name: RuntimeName, file: string): string[] {
  if (name === "deno") return ["test", "-A", "--quiet", file];
  return name === "bun" ? ["test", "--timeout=60000", `./${file}`] : ["--test", file];
}

/** One after the other: each writes down what it found. */
function tryAll(): void {
  const files = readdirSync(SUITES).filter((file) => /^suite_.*_test\.ts$/.test(file));
  for (const name of runtimeNames) {
    const runtime = findRuntime(name);
    if (runtime === undefined) throw new Error(`no ${name} found`);
    for (const file of files) {
      console.log(`${name} ${file}`);
      const { status, stdout, stderr } = spawnSync(runtime.path, argumentsFor(name, file), {
        cwd: SUITES,
        encoding: "utf8",
        env: { ...process.env, SLUICE_WRITE_CAPABILITIES: "1" },
      });
      if (status !== 0) throw new Error(`${file} failed on ${name}: ${stdout}${stderr}`);
    }
  }
}

const [flag] = process.argv.slice(2);
if (flag === "--try") tryAll();
const readme = readFileSync(README, "utf8");
const wanted = withTable(readme, tableOf(readKnown()));
if (flag === "--try" || flag === "--write") writeFileSync(README, wanted);
else if (readme !== wanted) {
  console.error("README.md says something else than tests/adapters/capabilities.json: run");
  console.error("  deno run -A .ci/capabilities.ts --write");
  process.exit(1);
}
