import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { connect, HandshakeError, type WebSocketConnection } from "../../mod.ts";
import { Chromium, needsChromium, type Tab } from "../support/chromium.ts";
import { type Child, ownRuntime, startFile } from "../support/runtimes.ts";

const options = { timeout: 120_000 };

function start(port = "0"): Child {
  const file = new URL("../../examples/chat/main.ts", import.meta.url);
  return startFile(ownRuntime, file, { env: { PORT: port } });
}

async function addressOf(server: Child): Promise<string> {
  const [, address] = await server.printed(/^Chat on (\S+)$/m);
  return address;
}

describe("the chat's server", () => {
  /** Joins and gives what comes, but for the round trips. */
  async function join(address: string, query: string): Promise<WebSocketConnection> {
    return await connect(`${address}chat?${query}`);
  }

  async function next(connection: WebSocketConnection, type: string): Promise<Message> {
    while (true) {
      const message: Message = JSON.parse(String(await connection.receive()));
      if (message.type === type) return message;
      assert.equal(message.type, "roundTrips");
    }
  }

  interface Message {
    type: string;
    name?: string;
    of?: [string, number][];
    history?: { text: string }[];
    said?: { text: string };
  }

  it("tells newcomers what was said, and rooms apart", options, async () => {
    await using server = start();
    const address = await addressOf(server);
    await using ada = await join(address, "room=a&name=Ada");
    await next(ada, "welcome");
    for (let i = 1; i <= 52; i++) ada.send(JSON.stringify({ type: "say", text: `${i}` }));
    for (let i = 1; i <= 52; i++) assert.equal((await next(ada, "said")).said?.text, `${i}`);
    await using ben = await join(address, "room=a&name=Ben");
    const { history } = await next(ben, "welcome");
    assert.deepEqual(history?.map(({ text }) => Number(text)), [...Array(50)].map((_, i) => i + 3));
    assert.equal((await next(ada, "joined")).name, "Ben");
    await using chloe = await join(address, "room=b&name=Chloe");
    assert.deepEqual((await next(chloe, "welcome")).history, []);
    ben.close();
    assert.equal((await next(ada, "left")).name, "Ben");
  });

  it("makes who floods a room wait, and loses nothing", options, async () => {
    await using server = start();
    await using ada = await join(await addressOf(server), "room=a&name=Ada");
    await next(ada, "welcome");
    const from = performance.now();
    for (let i = 1; i <= 40; i++) ada.send(JSON.stringify({ type: "say", text: `${i}` }));
    for (let i = 1; i <= 40; i++) assert.equal((await next(ada, "said")).said?.text, `${i}`);
    // 20 pass at once, each further one takes 50 ms; timers may be a little early.
    assert.ok(performance.now() - from > 900);
  });

  it("tells everybody's round trips", options, async () => {
    await using server = start();
    await using ada = await join(await addressOf(server), "room=a&name=Ada");
    await next(ada, "welcome");
    const [[name, milliseconds]] = (await next(ada, "roundTrips")).of ?? [];
    assert.equal(name, "Ada");
    assert.ok(milliseconds > 0);
  });

  for (
    const [what, data, closeCode] of [
      ["what is no JSON", "hello", 1007],
      ["JSON of another shape", '{"type":"shout"}', 1008],
      ["null", "null", 1008],
      ["an empty text", '{"type":"say","text":"  "}', 1008],
      ["a text that is too long", JSON.stringify({ type: "say", text: "a".repeat(2001) }), 1008],
      ["a message that is too long", "a".repeat(16 * 1024 + 1), 1009],
      ["binary", Uint8Array.of(1), 1003],
    ] as const
  ) {
    it(`closes on ${what} with ${closeCode} and a reason`, options, async () => {
      await using server = start();
      const query = "room=a&name=Ada";
      const ada = await connect(`${await addressOf(server)}chat?${query}`, { websocket: {} });
      ada.send(data);
      const { received } = await ada.closed;
      assert.equal(received?.closeCode, closeCode);
      assert.ok(received.reason.length > 10, received.reason);
    });
  }

  it("refuses who has no name, and another path", options, async () => {
    await using server = start();
    const address = await addressOf(server);
    for (
      const [path, status] of [
        ["chat?room=a", 400],
        ["chat?room=a&name=%00%20", 400],
        [`chat?room=a&name=${"a".repeat(25)}`, 400],
        ["other?room=a&name=Ada", 404],
      ] as const
    ) {
      await assert.rejects(connect(address + path), (error) => {
        assert.ok(error instanceof HandshakeError);
        assert.equal(error.status, status);
        return true;
      });
    }
  });
});

describe("the chat's page in Chromium", needsChromium(), () => {
  async function join(browser: Chromium, address: string, name: string): Promise<Tab> {
    const tab = await browser.newTab(address);
    await tab.waitFor("document.getElementById('join').open");
    await tab.evaluate("document.getElementById('name').select()");
    await tab.type(name);
    await tab.evaluate("document.getElementById('where').select()");
    await tab.type("green room");
    await tab.pressEnter();
    await isOpen(tab);
    return tab;
  }

  async function isOpen(tab: Tab): Promise<void> {
    await tab.waitFor("document.getElementById('state').dataset.state === 'open'");
  }

  /** Types, as a person does: the field has the focus. */
  async function say(tab: Tab, text: string): Promise<void> {
    await tab.activate();
    await tab.type(text);
    await tab.pressEnter();
  }

  /** Waits until the elements of that kind have just these texts. */
  async function shows(tab: Tab, selector: string, texts: string[]): Promise<void> {
    const shown = `[...document.querySelectorAll('${selector}')].map((e) => e.textContent)`;
    await tab.waitFor(`JSON.stringify(${shown}) === ${JSON.stringify(JSON.stringify(texts))}`);
  }

  const sees = (tab: Tab, texts: string[]) => shows(tab, ".said .text", texts);
  const seesPeople = (tab: Tab, names: string[]) => shows(tab, "#people .name", names);

  it("two tabs exchange messages, and see who is there and how far", options, async () => {
    await using server = start();
    await using browser = await Chromium.start();
    const address = await addressOf(server);
    const ada = await join(browser, address, "Ada");
    await say(ada, "Is anybody here?");
    await sees(ada, ["Is anybody here?"]);
    const ben = await join(browser, address, "Ben");
    assert.equal(await ben.evaluate("location.pathname"), "/room/green%20room");
    await seesPeople(ada, ["Ada (you)", "Ben"]);
    await seesPeople(ben, ["Ben (you)", "Ada"]);
    const html = "<img src=x onerror='window.harmed = true'>";
    await say(ben, html);
    for (const tab of [ada, ben]) {
      await sees(tab, ["Is anybody here?", html]);
      const times = "[...document.querySelectorAll('#people .time')].map((e) => e.textContent)";
      await tab.waitFor(`${times}.every((time) => /^[\\d.]+ m?s$/.test(time))`);
      const curve = "document.querySelector('#people .curve').getAttribute('d')";
      await tab.waitFor(`${curve}?.split('L').length > 2`); // a line, and it grows
      assert.equal(await tab.evaluate("document.querySelector('.text img')"), null);
      assert.equal(await tab.evaluate("window.harmed"), undefined);
    }
    await ben.close();
    await seesPeople(ada, ["Ada (you)"]);
  });

  it(
    "a tab comes back by itself when the server does, and keeps what it shows",
    options,
    async () => {
      await using browser = await Chromium.start();
      let ada: Tab;
      let port: string;
      {
        await using server = start();
        const address = await addressOf(server);
        port = new URL(address).port;
        ada = await join(browser, address, "Ada");
        await say(ada, "One");
        await sees(ada, ["One"]);
      }
      await ada.waitFor("document.getElementById('state').dataset.state !== 'open'");
      assert.equal(await ada.evaluate("document.getElementById('send').disabled"), true);
      await say(ada, "Two");
      assert.equal(await ada.evaluate("document.getElementById('text').value"), "Two");
      await using server = start(port);
      await addressOf(server);
      await isOpen(ada);
      await ada.pressEnter();
      await sees(ada, ["One", "Two"]);
    },
  );
});
