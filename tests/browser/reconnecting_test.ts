/**
 * The chat's page, whose connection is `reconnecting` of ./browser, in Chromium: the server restarts, packets
 * are dropped, the browser goes offline and comes back.
 */
import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { Chromium, needsChromium, type Tab } from "../support/chromium.ts";
import { type Child, ownRuntime, startFile } from "../support/runtimes.ts";

const options = { timeout: 120_000 };

function start(port = "0"): Child {
  const file = new URL("../../examples/chat/main.ts", import.meta.url);
  return startFile(ownRuntime, file, { env: { PORT: port } });
}

/** Something between page and server, which can go silent: nothing passes, and no end is told. */
class Between implements AsyncDisposable {
  readonly #server = createServer((socket) => this.#onSocket(socket));
  readonly #sockets = new Set<Socket>();
  readonly #port: number;
  #isSilent = false;

  constructor(port: number) {
    this.#port = port;
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}/`;
  }

  /** From now on nothing passes on the sockets of now, and new ones get no answer. */
  silence(): void {
    this.#isSilent = true;
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  /** The sockets of now break, and new ones get no answer. */
  cut(): void {
    this.silence();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** New sockets have their answers again; those of before have not. */
  restore(): void {
    this.#isSilent = false;
  }

  #onSocket(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
    if (this.#isSilent) return;
    const upstream = connect(this.#port, "127.0.0.1");
    this.#sockets.add(upstream);
    upstream.on("error", () => socket.destroy());
    upstream.on("close", () => (this.#sockets.delete(upstream), socket.destroy()));
    socket.on("close", () => upstream.destroy());
    socket.pipe(upstream);
    upstream.pipe(socket);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const STATE = "document.getElementById('state')";

async function isInState(tab: Tab, name: string): Promise<void> {
  await tab.waitFor(`${STATE}.dataset.state === ${JSON.stringify(name)}`);
}

async function say(tab: Tab, text: string): Promise<void> {
  await tab.evaluate("document.getElementById('text').focus()");
  await tab.type(text);
  await tab.pressEnter();
}

async function shows(tab: Tab, selector: string, text: string): Promise<void> {
  await tab.waitFor(
    `[...document.querySelectorAll(${JSON.stringify(selector)})].some((each) =>
       each.textContent.includes(${JSON.stringify(text)}))`,
  );
}

/** Writes a picture where it is asked for, to be looked at. */
async function picture(tab: Tab, name: string): Promise<void> {
  const folder = globalThis.process?.env?.SLUICE_PICTURES;
  if (folder) await tab.screenshot(`${folder}/${name}.png`, { width: 900, height: 600 });
}

async function join(browser: Chromium, address: string): Promise<Tab> {
  const tab = await browser.newTab(`${address}room/lobby`);
  await tab.waitFor("document.getElementById('join').open");
  await tab.evaluate("document.getElementById('name').select()");
  await tab.type("Ada");
  await tab.pressEnter();
  await isInState(tab, "open");
  return tab;
}

describe("a page with reconnecting, in Chromium", needsChromium(), () => {
  it("shows how long it waits while the server is away, and comes back", options, async () => {
    await using browser = await Chromium.start();
    let tab: Tab, port: string;
    {
      await using server = start();
      const [, address] = await server.printed(/^Chat on (\S+)$/m);
      port = new URL(address).port;
      tab = await join(browser, address);
      await say(tab, "before");
      await shows(tab, ".said .text", "before");
    }
    await isInState(tab, "waiting");
    await tab.waitFor(`/^Lost: waiting \\d+\\.\\d s$/.test(${STATE}.textContent)`);
    await picture(tab, "waiting");
    await using server = start(port);
    await server.printed(/^Chat on (\S+)$/m);
    await isInState(tab, "open");
    await shows(tab, ".notice", "Connected again");
    await say(tab, "after");
    await shows(tab, ".said .text", "after");
    await picture(tab, "again");
    // What had come back is not said to be lost.
    assert.doesNotMatch(
      await tab.evaluate<string>("document.getElementById('log').textContent"),
      /may not have arrived/,
    );
  });

  it("finds a dead link by its heartbeat, and says what may be lost", options, async () => {
    await using server = start();
    const [, address] = await server.printed(/^Chat on (\S+)$/m);
    await using between = new Between(Number(new URL(address).port));
    const through = await between.listen();
    await using browser = await Chromium.start();
    const tab = await join(browser, through);
    between.silence();
    await say(tab, "into the void");
    assert.equal(await tab.evaluate(`${STATE}.dataset.state`), "open"); // nothing tells it yet
    await shows(tab, ".notice", "“into the void” may not have arrived");
    await picture(tab, "dead");
    between.restore();
    await isInState(tab, "open");
    await say(tab, "is heard");
    await shows(tab, ".said .text", "is heard");
    assert.equal(await tab.evaluate("document.querySelectorAll('.said').length"), 1);
  });

  it("goes offline and online, and is back at once", options, async () => {
    await using server = start();
    const [, address] = await server.printed(/^Chat on (\S+)$/m);
    await using between = new Between(Number(new URL(address).port));
    const through = await between.listen();
    await using browser = await Chromium.start();
    const tab = await join(browser, through);
    await tab.setOffline(true); // which leaves sockets as they are
    between.cut();
    await shows(tab, "#state", "Offline: waiting");
    await picture(tab, "offline");
    between.restore();
    await tab.setOffline(false);
    await isInState(tab, "open");
    await say(tab, "online");
    await shows(tab, ".said .text", "online");
  });
});
