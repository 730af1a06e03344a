/** `reconnecting` of ./browser on the platform's WebSocket, which has no pings. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { reconnecting } from "../../../lib/adapters/browser.ts";
import { listen, type ListenOptions, type WebSocketServer } from "../../../lib/server/mod.ts";
import type { MessageData } from "../../../mod.ts";
import { until } from "../../support/until.ts";

const options = { timeout: 60_000 };
const PING = "are you there?", PONG = "yes";

async function serve(
  message: (data: MessageData) => string | undefined,
  given: Partial<ListenOptions> = {},
): Promise<{ server: WebSocketServer; url: string }> {
  const server = await listen({
    port: 0,
    hostname: "127.0.0.1",
    origins: "*",
    onError: () => {},
    ...given,
    websocket: {
      message(own, data): void {
        const answer = message(data);
        if (answer !== undefined) own.send(answer);
      },
    },
  });
  return { server, url: `ws://127.0.0.1:${server.address.port}/` };
}

describe("reconnecting on a platform's WebSocket", () => {
  it(
    "without a heartbeat all that was sent on a lost connection is reported",
    options,
    async () => {
      const { server, url } = await serve(() => undefined), unconfirmed: MessageData[] = [];
      const chat = reconnecting(url, {
        retryDelay: 10,
        onUnconfirmed: (messages) => void unconfirmed.push(...messages),
      });
      chat.discard();
      chat.send("one");
      chat.send("two");
      await until("both have arrived", () => server.stats.messagesReceived === 2);
      for (const own of server.connections) own.terminate();
      await until("it is reported", () => unconfirmed.length > 0);
      assert.deepEqual(unconfirmed, ["one", "two"]);
      await until("it is back", () => chat.state.name === "open");
      chat.close();
      await chat.closed;
      assert.equal(unconfirmed.length, 2);
      await server.shutdown({ timeout: 0 });
    },
  );

  it("an answer of the heartbeat confirms what was sent before it", options, async () => {
    const seen: MessageData[] = [], unconfirmed: MessageData[] = [];
    const { server, url } = await serve((data) => {
      seen.push(data);
      return data === PING ? PONG : undefined;
    });
    const chat = reconnecting(url, {
      retryDelay: 10,
      heartbeat: { message: PING, isAnswer: (data) => data === PONG, interval: 1e6 },
      onUnconfirmed: (messages) => void unconfirmed.push(...messages),
    });
    chat.discard();
    chat.send("before");
    await until("it is open", () => chat.state.name === "open");
    chat.retry(); // which beats at once, as it is open
    await until("there was an answer", () => server.stats.messagesSent === 1);
    chat.send("behind");
    await until("it has arrived", () => seen.includes("behind"));
    // The answer came before this reply to a ping of the server's.
    await Promise.all([...server.connections].map((own) => own.ping()));
    for (const own of server.connections) own.terminate();
    await until("it is reported", () => unconfirmed.length > 0);
    assert.deepEqual(unconfirmed, ["behind"]);
    chat.close();
    await chat.closed;
    await server.shutdown({ timeout: 0 });
  });

  it("a heartbeat without an answer drops the connection, and makes another", options, async () => {
    let answers = false;
    const { server, url } = await serve((data) => data === PING && answers ? PONG : undefined);
    const names: string[] = [];
    const chat = reconnecting(url, {
      retryDelay: 10,
      heartbeat: { message: PING, isAnswer: (data) => data === PONG, interval: 20, timeout: 50 },
      onState: ({ name }) => void names.push(name),
    });
    chat.discard();
    await until(
      "it was dropped twice",
      () => names.filter((name) => name === "waiting").length > 1,
    );
    answers = true;
    await until("it stays", async () => {
      const count = names.length;
      await new Promise((resolve) => setTimeout(resolve, 300));
      return chat.state.name === "open" && names.length === count;
    });
    chat.close();
    await chat.closed;
    await server.shutdown({ timeout: 0 });
  });

  it("a refusal is tried again, and options that a page lacks end it", options, async () => {
    let count = 0;
    const { server, url } = await serve((data) => String(data), {
      onRefused: () => {},
      handshake: () => ++count < 3 ? new Response("later", { status: 503 }) : undefined,
    });
    const chat = reconnecting(url, { retryDelay: 10 });
    chat.send("Hello");
    assert.equal(await chat.receive(), "Hello");
    assert.equal(count, 3);
    chat.close();
    await chat.closed;
    const errors: unknown[] = [];
    const hopeless = reconnecting(url, {
      headers: { authorization: "x" },
      onError: (error) => void errors.push(error),
    });
    const { error } = await hopeless.closed;
    assert.match(error!.message, /headers/);
    assert.deepEqual(errors, [error]);
    await server.shutdown({ timeout: 0 });
  });
});
