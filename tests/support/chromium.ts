/**
 * A real browser: headless Chromium, driven through its debugging WebSocket by our own client.
 *
 * @module
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { connect, type WebSocketConnection } from "../../mod.ts";
import { findProgram, isExecutable } from "./programs.ts";
import { Child } from "./runtimes.ts";

/** Returns the browser's binary: `CHROMIUM`, or the first of its usual names on the PATH. */
export function findChromium(): string | undefined {
  const named = process.env.CHROMIUM;
  if (named !== undefined && isExecutable(named)) return named;
  return findProgram("chromium", "chromium-browser", "google-chrome");
}

/** What `it` takes to skip a test and say why, if there is no browser. */
export function needsChromium(): { skip?: string } {
  return findChromium() === undefined ? { skip: "no Chromium found" } : {};
}

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--remote-debugging-port=0",
];

/** What the browser sends: an answer to a command, or an event. */
interface FromBrowser {
  id?: number;
  result?: unknown;
  error?: { message: string };
  method?: string;
  params?: unknown;
  sessionId?: string;
}

/** Is told of an event of the debugging protocol by its name, `Network.webSocketCreated` say. */
export type EventListener = (method: string, params: unknown) => void;

/** A running browser. `await using` ends it. */
export class Chromium implements AsyncDisposable {
  readonly #child: Child;
  readonly #profile: string;
  readonly #connection: WebSocketConnection;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #listeners = new Map<string, EventListener>();
  #count = 0;

  private constructor(child: Child, profile: string, connection: WebSocketConnection) {
    this.#child = child;
    this.#profile = profile;
    this.#connection = connection;
    void this.#listen();
  }

  /**
   * Starts a browser with a new profile.
   *
   * @throws {Error} if there is none, or it does not come up (rejects).
   */
  static async start(options: { flags?: string[] } = {}): Promise<Chromium> {
    const path = findChromium();
    if (path === undefined) throw new Error("Cannot start a browser: no Chromium found");
    const profile = await mkdtemp(join(tmpdir(), "sluice-chromium-"));
    const child = new Child(path, [
      ...FLAGS,
      ...options.flags ?? [],
      `--user-data-dir=${profile}`,
      "about:blank",
    ]);
    try {
      const [, address] = await child.printed(/DevTools listening on (ws:\S+)/);
      return new Chromium(child, profile, await connect(address));
    } catch (error) {
      await child.stop();
      await removeProfile(profile);
      throw error;
    }
  }

  /** Opens a tab and waits until its page has loaded. */
  async newTab(url: string): Promise<Tab> {
    const { targetId } = await this.command<{ targetId: string }>("Target.createTarget", {
      url: "about:blank",
    });
    const { sessionId } = await this.command<{ sessionId: string }>("Target.attachToTarget", {
      targetId,
      flatten: true,
    });
    const tab = new Tab(this, targetId, sessionId);
    await tab.navigate(url);
    return tab;
  }

  /**
   * Sends a command of the debugging protocol, to one tab or to the browser.
   *
   * @throws {Error} with what the browser answered, if that is an error (rejects).
   */
  async command<Result>(method: string, params: object = {}, sessionId?: string): Promise<Result> {
    const id = ++this.#count;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    this.#connection.send(JSON.stringify({ id, method, params, sessionId }));
    return await answer.promise as Result;
  }

  /** Has a tab's events of one domain told: to the listener that was given last. */
  listen(sessionId: string, domain: string, listener: EventListener): void {
    this.#listeners.set(`${sessionId} ${domain}`, listener);
  }

  /** Ends the browser and removes its profile. */
  async close(): Promise<void> {
    // Asked to, it ends its helper processes first; killed, it would leave them to the system.
    this.command("Browser.close").catch(() => {});
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => timer = setTimeout(resolve, 5000));
    await Promise.race([this.#child.exited, late]);
    clearTimeout(timer);
    this.#connection.terminate();
    await this.#child.stop();
    await removeProfile(this.#profile);
  }

  /** Ends the browser and removes its profile. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #listen(): Promise<void> {
    try {
      for await (const text of this.#connection) {
        const { id, result, error, method = "", params, sessionId = "" } = JSON.parse(
          String(text),
        ) as FromBrowser;
        if (id === undefined) {
          const [domain] = method.split(".");
          this.#listeners.get(`${sessionId} ${domain}`)?.(method, params);
          continue;
        }
        const answer = this.#waiting.get(id);
        this.#waiting.delete(id);
        if (error === undefined) answer?.resolve(result);
        else answer?.reject(new Error(error.message));
      }
    } catch {
      // It went away: said below.
    }
    for (const answer of this.#waiting.values()) {
      answer.reject(new Error(`The browser went away; it said: ${this.#child.output}`));
    }
  }
}

/** How a screenshot is made. */
export interface ScreenshotOptions {
  width: number;
  height: number;
  scheme?: "light" | "dark";
}

/** A tab of a browser. */
export class Tab {
  readonly #browser: Chromium;
  readonly #targetId: string;
  readonly #sessionId: string;

  /** Made by `newTab`. */
  constructor(browser: Chromium, targetId: string, sessionId: string) {
    this.#browser = browser;
    this.#targetId = targetId;
    this.#sessionId = sessionId;
  }

  /** Loads a page, and waits until it is loaded. */
  async navigate(url: string): Promise<void> {
    const { errorText } = await this.#command<{ errorText?: string }>("Page.navigate", { url });
    if (errorText !== undefined) throw new Error(`Cannot load ${url}: ${errorText}`);
    await this.waitFor("document.readyState === 'complete'");
  }

  /**
   * The value of an expression in the page; a promise is awaited.
   *
   * @throws {Error} if it throws there (rejects).
   */
  async evaluate<Value = unknown>(expression: string): Promise<Value> {
    const { result, exceptionDetails } = await this.#command<{
      result: { value: Value };
      exceptionDetails?: { text: string; exception?: { description?: string } };
    }>("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails === undefined) return result.value;
    const { text, exception } = exceptionDetails;
    throw new Error(`In the page: ${exception?.description ?? text}`);
  }

  /**
   * Calls a function in the page with these values, all of which pass as JSON. It is passed as its
   * source: it sees nothing of the module around it.
   */
  call<Values extends unknown[], Result>(
    body: (...values: Values) => Result,
    ...values: Values
  ): Promise<Awaited<Result>> {
    return this.evaluate(`(${body})(${values.map((value) => JSON.stringify(value)).join()})`);
  }

  /** Resolves with the value of an expression once it is truthy: it is tried again and again. */
  async waitFor<Value = unknown>(
    expression: string,
    options: { timeout?: number } = {},
  ): Promise<Value> {
    const { timeout = 30_000 } = options;
    const end = performance.now() + timeout;
    while (true) {
      // While a page is being replaced, its context may be gone.
      const value = await this.evaluate<Value>(expression).catch((error) => {
        if (String(error).includes("In the page:")) throw error;
      });
      if (value) return value;
      if (performance.now() > end) throw new Error(`The page never had: ${expression}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Has the events of one domain of the debugging protocol told, `Network` say, from now on. */
  async observe(domain: string, listener: EventListener): Promise<void> {
    this.#browser.listen(this.#sessionId, domain, listener);
    await this.#command(`${domain}.enable`);
  }

  /** Types into what has the focus. */
  async type(text: string): Promise<void> {
    await this.#command("Input.insertText", { text });
  }

  /** Presses the Enter key. */
  async pressEnter(): Promise<void> {
    const key = { key: "Enter", code: "Enter", windowsVirtualKeyCode: 13 };
    await this.#command("Input.dispatchKeyEvent", { type: "keyDown", text: "\r", ...key });
    await this.#command("Input.dispatchKeyEvent", { type: "keyUp", ...key });
  }

  /** Brings the tab to the front, so that it is the one with the focus. */
  async activate(): Promise<void> {
    await this.#command("Page.bringToFront");
  }

  /** Takes the network away from the page, or brings it back: the page is told. */
  async setOffline(offline: boolean): Promise<void> {
    await this.#command("Network.enable");
    const unlimited = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
    await this.#command("Network.emulateNetworkConditions", { offline, ...unlimited });
  }

  /** Writes a picture of the page, as PNG. */
  async screenshot(file: string, options: ScreenshotOptions): Promise<void> {
    const { width, height, scheme = "light" } = options;
    await this.#command("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 2,
      mobile: width < 600,
    });
    await this.#command("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: scheme }],
    });
    const { data } = await this.#command<{ data: string }>("Page.captureScreenshot");
    await writeFile(file, data, "base64");
  }

  /** Closes the tab. */
  async close(): Promise<void> {
    await this.#browser.command("Target.closeTarget", { targetId: this.#targetId });
  }

  #command<Result>(method: string, params: object = {}): Promise<Result> {
    return this.#browser.command(method, params, this.#sessionId);
  }
}

/** The browser's helpers may write for a moment after it is gone. */
async function removeProfile(profile: string): Promise<void> {
  await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}
