import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { mkdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { WINDOW } from "../../examples/upload/words.ts";
import { Chromium, findChromium, needsChromium, type Tab } from "../support/chromium.ts";
import { digestOf, digestOfBlocks, makeBlock, UploadServer } from "./upload_support.ts";
import { until } from "../support/until.ts";

const options = { timeout: 120_000 };
const MIB = 1 << 20;

/** Opens the page, and puts into it what watches it. */
async function openPage(browser: Chromium, address: string): Promise<Tab> {
  const tab = await browser.newTab(address);
  await tab.evaluate(await readFile(new URL("upload_in_page.js", import.meta.url), "utf8"));
  return tab;
}

/** Chooses a file of so many different mebibytes. */
const choose = (tab: Tab, name: string, count: number): Promise<unknown> =>
  tab.evaluate(`choose(${JSON.stringify(name)}, ${count})`);

/** Chooses a file of so many mebibytes that it cannot be over before something else happens. */
const chooseHuge = (tab: Tab, name: string, count = 8192): Promise<unknown> =>
  tab.evaluate(`choose(${JSON.stringify(name)}, ${count}, true)`);

const press = (tab: Tab, selector: string): Promise<unknown> =>
  tab.evaluate(`document.querySelector(${JSON.stringify(selector)}).click()`);

/** Makes the page ask the server for its list, as it does when it is looked at again. */
const look = (tab: Tab): Promise<unknown> =>
  tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))");

/** Waits until the row of that number is in that state, and gives what it says. */
async function ends(tab: Tab, row: number, state: "done" | "failed"): Promise<string> {
  const element = `document.querySelectorAll(".row")[${row}]`;
  await tab.waitFor(`["done", "failed"].includes(${element}?.dataset.state)`, { timeout: 90_000 });
  const text = await tab.evaluate<string>(`${element}.querySelector(".figures").textContent`);
  assert.equal(await tab.evaluate(`${element}.dataset.state`), state, text);
  return text;
}

/** Waits until a transfer is under way, and far from its end. */
async function isBusy(tab: Tab): Promise<void> {
  await tab.waitFor("document.querySelector('.row:last-child progress')?.value > 0");
}

/** From nothing to all of it, never back, and with enough in between to be seen to move. */
function checkProgress(values: number[] | undefined): void {
  assert.ok(values !== undefined && values.length > 10, `${values}`);
  assert.ok(values[0] < 10, `${values}`);
  assert.equal(values.at(-1), 100);
  assert.ok(values.every((value, i) => i === 0 || value > values[i - 1]), `${values}`);
}

describe("the upload's page in Chromium", needsChromium(), () => {
  let browser: Chromium;

  before(async () => {
    if (findChromium() !== undefined) browser = await Chromium.start();
  });

  after(() => browser?.close());

  it("sends and gets a file, held in memory by neither side", options, async () => {
    await using server = await UploadServer.start();
    const tab = await openPage(browser, server.address);
    await mkdir(server.scratch);
    const allowed = { behavior: "allow", downloadPath: server.scratch };
    await browser.command("Browser.setDownloadBehavior", allowed);

    // The same with a small one before, so that what is measured is not the program's start.
    await choose(tab, "small.bin", 8);
    await ends(tab, 0, "done");
    await press(tab, "#files button");
    await ends(tab, 1, "done");
    const before = await server.peakMemory();

    await choose(tab, "big.bin", 96);
    assert.match(await ends(tab, 2, "done"), /^Stored · 96\.0 MiB · [\d.]+ MiB\/s$/);
    assert.equal(await digestOf(join(server.files, "big.bin")), digestOfBlocks(96));
    await press(tab, "#files button");
    assert.match(await ends(tab, 3, "done"), /^Complete: .+ · 96\.0 MiB · [\d.]+ MiB\/s$/);
    await press(tab, ".row:last-child a");
    const saved = join(server.scratch, "big.bin");
    await until(
      "the saved file",
      () => stat(saved).then(({ size }) => size === 96 * MIB, () => false),
    );
    assert.equal(await digestOf(saved), digestOfBlocks(96));

    // Garbage of a few megabytes is left to the collector; a file that is held shows.
    const growth = (await server.peakMemory() - before) / MIB;
    assert.ok(growth < 64, `the server's memory grew by ${growth} MiB`);
    const { shown, mostBuffered, mostUnconfirmed } = await tab.evaluate<{
      shown: number[][];
      mostBuffered: number;
      mostUnconfirmed: number;
    }>("({ shown, mostBuffered, mostUnconfirmed })");
    checkProgress(shown[2]);
    checkProgress(shown[3]);
    assert.ok(mostBuffered <= WINDOW, `${mostBuffered} bytes waited to be sent`);
    assert.ok(mostUnconfirmed <= WINDOW, `${mostUnconfirmed} bytes came ahead`);
  });

  it("writes to the file that was chosen, where the browser asks", options, async () => {
    await using server = await UploadServer.start();
    const tab = await openPage(browser, server.address);
    await writeFile(join(server.files, "a.bin"), makeBlock(7));
    await look(tab);
    await tab.waitFor("document.querySelector('#files button')");
    await tab.evaluate("answerPicker()");
    await press(tab, "#files button");
    assert.match(await ends(tab, 0, "done"), /^Saved · 1\.0 MiB/);
    assert.equal(await tab.evaluate("document.querySelector('.row a')"), null);
    const start = [...new Uint32Array(makeBlock(7).buffer, 0, 2)];
    const files = [{ name: "chosen a.bin", size: MIB, start }];
    assert.deepEqual(await tab.evaluate("readFiles()"), files);
  });

  it("cancels on either way, and what was there of the file goes", options, async () => {
    await using server = await UploadServer.start();
    const tab = await openPage(browser, server.address);
    await chooseHuge(tab, "huge.bin");
    await isBusy(tab);
    await choose(tab, "later.bin", 1);
    await press(tab, ".row button");
    assert.equal(await ends(tab, 0, "failed"), "Cancelled");
    await ends(tab, 1, "done"); // it was waiting for its turn
    const isGone = async () => (await server.names()).join() === "later.bin";
    await until("a directory without it", isGone);

    await truncate(join(server.files, "later.bin"), 8192 * MIB); // what is new are holes
    await press(tab, "#files button");
    await isBusy(tab);
    await press(tab, ".row:last-child button");
    assert.equal(await ends(tab, 2, "failed"), "Cancelled");
    const left = await tab.evaluate<{ size: number }[]>("readFiles()");
    assert.deepEqual(left.map(({ size }) => size), [0]);
  });

  it("says what went wrong", options, async () => {
    await using server = await UploadServer.start({ MAX_SIZE: `${8192 * MIB}` });
    const tab = await openPage(browser, server.address);
    await chooseHuge(tab, "too large.bin", 8193);
    const tooLarge = `The server takes files of at most ${8192 * MIB} bytes`;
    assert.equal(await ends(tab, 0, "failed"), tooLarge);
    await chooseHuge(tab, "huge.bin");
    await isBusy(tab);
    await server.child.stop();
    assert.equal(await ends(tab, 1, "failed"), "The connection was lost (1006)");
    await choose(tab, "a.bin", 1);
    assert.equal(await ends(tab, 2, "failed"), "The connection was lost (1006)");
    await look(tab);
    await tab.waitFor("!document.getElementById('trouble').hidden");
  });
});
