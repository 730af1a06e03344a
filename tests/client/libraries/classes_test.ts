/** Libraries that take a WebSocket class, given ours, with their own real servers. */
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { echo, type PeerSocket, serve, testLibraries, WebSocket } from "./support.ts";

/** What is asked of a class that reconnects. */
interface Reconnecting extends EventTarget {
  send(data: string): void;
  close(): void;
}

/** A class that reconnects: after the server has dropped it once it is open again, and echoes. */
async function reconnects(
  create: (url: string, given: object) => Reconnecting,
): Promise<void> {
  await using served = await serve();
  echo(served);
  let count = 0;
  served.sockets.on("connection", (socket: PeerSocket) => {
    if (++count === 1) setTimeout(() => socket.terminate(), 20);
  });
  const times = { minReconnectionDelay: 10, maxReconnectionDelay: 50 };
  const socket = create(`ws://${served.host}/`, { WebSocket, ...times });
  let opened = 0;
  await new Promise<void>((resolve) => {
    socket.addEventListener("open", () => ++opened === 2 && resolve());
  });
  const answer = new Promise((resolve) => {
    socket.addEventListener("message", (event) => resolve((event as MessageEvent).data));
  });
  socket.send("still there?");
  assert.equal(await answer, "still there?");
  socket.close();
}

testLibraries("libraries that take a WebSocket class, given ours", {
  async "graphql-ws"() {
    const { buildSchema } = await import("graphql");
    const { createClient } = await import("graphql-ws");
    const { useServer } = await import("graphql-ws/use/ws");
    await using served = await serve({ protocol: true });
    async function* numbers(): AsyncGenerator<{ numbers: number }> {
      for (let at = 0; at < 3; at++) yield { numbers: at };
    }
    useServer({
      schema: buildSchema("type Query { a: Int } type Subscription { numbers: Int }"),
      roots: { subscription: { numbers } },
    }, served.sockets);
    const client = createClient({ url: `ws://${served.host}/`, webSocketImpl: WebSocket });
    const received: unknown[] = [];
    await new Promise<void>((resolve, reject) => {
      client.subscribe({ query: "subscription { numbers }" }, {
        next: ({ data }) => void received.push(data?.numbers),
        error: reject,
        complete: resolve,
      });
    });
    assert.deepEqual(received, [0, 1, 2]);
    await client.dispose();
  },

  async rxjs() {
    const { webSocket } = await import("rxjs/webSocket");
    await using served = await serve();
    echo(served);
    const subject = webSocket<unknown>({
      url: `ws://${served.host}/`,
      WebSocketCtor: WebSocket as never,
    });
    const answer = new Promise((resolve, reject) => {
      subject.subscribe({ next: resolve, error: reject });
    });
    subject.next({ a: [1, "\u00fc"] });
    assert.deepEqual(await answer, { a: [1, "\u00fc"] });
    subject.complete();
  },

  async "reconnecting-websocket"() {
    const module = await import("reconnecting-websocket") as unknown as {
      default: unknown;
    };
    // A module of CommonJS whose default is one of its own.
    const given = module.default as { default?: unknown };
    const Class = (given.default ?? given) as new (...given: unknown[]) => Reconnecting;
    await reconnects((url, given) => new Class(url, [], given));
  },

  async partysocket() {
    const { WebSocket: Class } = await import("partysocket");
    await reconnects((url, given) => new Class(url, [], given) as unknown as Reconnecting);
  },

  async "@trpc/client"() {
    const { createTRPCClient, createWSClient, wsLink } = await import("@trpc/client");
    const { initTRPC } = await import("@trpc/server");
    const { applyWSSHandler } = await import("@trpc/server/adapters/ws");
    await using served = await serve();
    const { procedure, router } = initTRPC.create();
    const routes = router({
      hello: procedure.query(() => "there"),
      numbers: procedure.subscription(async function* () {
        yield 1;
        yield 2;
      }),
    });
    applyWSSHandler({ wss: served.sockets, router: routes });
    const client = createWSClient({ url: `ws://${served.host}/`, WebSocket: WebSocket as never });
    const calls = createTRPCClient<typeof routes>({ links: [wsLink({ client })] });
    assert.equal(await calls.hello.query(), "there");
    const received: number[] = [];
    await new Promise<void>((resolve, reject) => {
      calls.numbers.subscribe(undefined, {
        onData: (each) => void received.push(each),
        onError: reject,
        onComplete: resolve,
      });
    });
    assert.deepEqual(received, [1, 2]);
    await client.close();
  },

  async "mqtt, with aedes"() {
    const { default: mqtt } = await import("mqtt");
    const { Aedes } = await import("aedes");
    const { createWebSocketStream } = await import("ws");
    await using served = await serve({ protocol: true });
    const broker = await Aedes.createBroker();
    served.sockets.on("connection", (socket: never, request: IncomingMessage) => {
      broker.handle(createWebSocketStream(socket), request);
    });
    const client = mqtt.connect(`ws://${served.host}/`, {
      forceNativeWebSocket: true,
      createWebsocket: (url, protocols) => new WebSocket(url, protocols) as never,
    });
    await new Promise<void>((resolve, reject) => {
      client.on("connect", () => resolve());
      client.on("error", reject);
    });
    const received = new Promise<Uint8Array>((resolve) => {
      client.on("message", (_, payload) => resolve(payload));
    });
    await client.subscribeAsync("topic");
    await client.publishAsync("topic", "x".repeat(100_000));
    assert.equal((await received).length, 100_000);
    await client.endAsync();
    await new Promise<void>((resolve) => broker.close(resolve));
  },
});
