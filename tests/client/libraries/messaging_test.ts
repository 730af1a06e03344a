/**
 * Libraries for messages and events that take a WebSocket class or a socket, given ours: NATS with its
 * real server, those whose servers are not written for these runtimes with a script of their protocol.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../../support/programs.ts";
import { Child } from "../../support/runtimes.ts";
import { answerEthereum, CHAIN } from "./ethereum.ts";
import { type PeerSocket, script, serve, testLibraries, WebSocket } from "./support.ts";

const natsServer = findProgram("nats-server");

/** The class that the package phoenix exports without types. */
interface PhoenixSocket {
  connect(): void;
  disconnect(callback: () => void): void;
  onError(callback: (error: unknown) => void): void;
  channel(topic: string, params: object): PhoenixChannel;
}

interface PhoenixChannel {
  join(): PhoenixPush;
  leave(): PhoenixPush;
  on(event: string, callback: (payload: unknown) => void): void;
  push(event: string, payload: unknown): PhoenixPush;
}

interface PhoenixPush {
  receive(status: string, callback: (response: unknown) => void): PhoenixPush;
}

function replied(push: PhoenixPush): Promise<unknown> {
  return new Promise((resolve, reject) => {
    push.receive("ok", resolve);
    for (const status of ["error", "timeout"]) {
      push.receive(
        status,
        (response) => reject(new Error(`${status}: ${JSON.stringify(response)}`)),
      );
    }
  });
}

/** A push as the second version of Phoenix' serializer has it in binary: kind 0, four lengths, their text. */
function readBinaryPush(bytes: Uint8Array): { fields: string[]; payload: Uint8Array } {
  assert.equal(bytes[0], 0);
  let at = 5;
  const fields = [1, 2, 3, 4].map((index) => {
    const field = bytes.subarray(at, at += bytes[index]);
    return new TextDecoder().decode(field);
  });
  return { fields, payload: bytes.subarray(at) };
}

/** A broadcast in binary: kind 2, two lengths, topic and event. */
function binaryBroadcast(topic: string, event: string, payload: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(topic + event);
  return Uint8Array.of(2, topic.length, event.length, ...text, ...payload);
}

testLibraries("libraries for messages, given our WebSocket class", {
  async phoenix() {
    // It has no types.
    const { Socket } = await import("phoenix" as string) as {
      Socket: new (endpoint: string, options: object) => PhoenixSocket;
    };
    await using served = await serve();
    served.sockets.on("connection", (socket: PeerSocket, { url }: { url: string }) => {
      assert.match(url, /^\/socket\/websocket\?.*vsn=2\.0\.0/);
      socket.on("message", (data, isBinary) => {
        if (isBinary) {
          const { fields: [join, ref, topic, event], payload } = readBinaryPush(data);
          socket.send(binaryBroadcast(topic, event, payload.toReversed()));
          const reply = { status: "ok", response: {} };
          return socket.send(JSON.stringify([join, ref, topic, "phx_reply", reply]));
        }
        const [join, ref, topic, event, payload] = JSON.parse(data.toString()) as unknown[];
        const reply = { status: "ok", response: event === "phx_join" ? { joined: payload } : {} };
        socket.send(JSON.stringify([join, ref, topic, "phx_reply", reply]));
        if (event === "shout") socket.send(JSON.stringify([null, null, topic, event, payload]));
      });
    });
    const socket = new Socket(`ws://${served.host}/socket`, { transport: WebSocket });
    socket.connect();
    const channel = socket.channel("room:1", { name: "Ada" });
    assert.deepEqual(await replied(channel.join()), { joined: { name: "Ada" } });
    const shouted = new Promise((resolve) => channel.on("shout", resolve));
    assert.deepEqual(await replied(channel.push("shout", { text: "\u00fc" })), {});
    assert.deepEqual(await shouted, { text: "\u00fc" });
    const bytes = new Promise<unknown>((resolve) => channel.on("bytes", resolve));
    await replied(channel.push("bytes", Uint8Array.of(1, 2, 3).buffer));
    assert.deepEqual([...new Uint8Array(await bytes as ArrayBuffer)], [3, 2, 1]);
    await replied(channel.leave());
    await new Promise<void>((resolve) => socket.disconnect(resolve));
  },

  async centrifuge() {
    const { Centrifuge } = await import("centrifuge");
    await using served = await serve();
    const pong = Promise.withResolvers<void>();
    script(served, (text, send) => {
      // Commands are lines of JSON, as replies are. An empty command answers the server's ping.
      for (const line of text.split("\n")) {
        const { id, connect, subscribe, publish, rpc } = JSON.parse(line);
        const reply = (result: object): void => send(JSON.stringify({ id, ...result }));
        if (connect) {
          reply({ connect: { client: "1", version: "0", ping: 25, pong: true } });
          send("{}");
        } else if (subscribe) reply({ subscribe: {} });
        else if (publish) {
          const push = { channel: publish.channel, pub: { data: publish.data } };
          send(`${JSON.stringify({ push })}\n${JSON.stringify({ id, publish: {} })}`);
        } else if (rpc) reply({ rpc: { data: { method: rpc.method, data: rpc.data } } });
        else if (id !== undefined) reply({ unsubscribe: {} });
        else pong.resolve();
      }
    });
    const client = new Centrifuge(`ws://${served.host}/connection/websocket`, {
      websocket: WebSocket,
    });
    const subscription = client.newSubscription("news");
    const published = new Promise<unknown>((resolve) => {
      subscription.on("publication", ({ data }) => resolve(data));
    });
    subscription.subscribe();
    client.connect();
    await client.ready();
    await subscription.ready();
    await subscription.publish({ text: "\u00fc" });
    assert.deepEqual(await published, { text: "\u00fc" });
    const answer = await client.rpc("sum", [1, 2]);
    assert.deepEqual(answer.data, { method: "sum", data: [1, 2] });
    await pong.promise;
    const closed = new Promise<void>((resolve) => client.on("disconnected", () => resolve()));
    client.disconnect();
    await closed;
  },

  "@nats-io/nats-core, with nats-server": {
    ...(natsServer === undefined && { skip: "nats-server is not installed" }),
    async run() {
      const { wsconnect } = await import("@nats-io/nats-core");
      const folder = mkdtempSync(join(tmpdir(), "sluice-nats-"));
      try {
        const config = join(folder, "nats.conf");
        writeFileSync(
          config,
          'host: "127.0.0.1"\nport: -1\n' +
            'websocket { host: "127.0.0.1", port: -1, no_tls: true }\n',
        );
        await using child = new Child(natsServer as string, ["-c", config]);
        const [, url] = await child.printed(/websocket clients on (ws:\/\/127\.0\.0\.1:\d+)/);
        await child.printed(/Server is ready/);
        const connection = await wsconnect(
          {
            servers: url,
            wsFactory: (url: string) =>
              Promise.resolve({ socket: new WebSocket(url) as never, encrypted: false }),
          } as Parameters<typeof wsconnect>[0],
        );
        const closed = connection.closed();
        const messages = connection.subscribe("numbers", { max: 100 });
        connection.subscribe("sum", {
          callback: (_, message) => {
            const [a, b] = message.json<number[]>();
            message.respond(JSON.stringify(a + b));
          },
        });
        for (let at = 0; at < 100; at++) connection.publish("numbers", String(at));
        const received: number[] = [];
        for await (const message of messages) received.push(Number(message.string()));
        assert.deepEqual(received, Array.from({ length: 100 }, (_, at) => at));
        assert.equal((await connection.request("sum", JSON.stringify([2, 3]))).json(), 5);

        const long = new Uint8Array(500_000).fill(7);
        const echoes = connection.subscribe("long", { max: 1 });
        connection.publish("long", long);
        for await (const { data } of echoes) assert.deepEqual(data, long);
        await connection.drain();
        assert.equal(await closed, undefined);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  },

  async ethers() {
    const { WebSocketProvider } = await import("ethers");
    await using served = await serve();
    const server = answerEthereum(served);
    const provider = new WebSocketProvider(() => new WebSocket(`ws://${served.host}/`) as never);
    assert.equal((await provider.getNetwork()).chainId, BigInt(CHAIN));
    assert.equal(await provider.getBlockNumber(), 0);
    const numbers: number[] = [];
    const three = new Promise<void>((resolve) => {
      provider.on("block", (number: number) => {
        if (numbers.push(number) === 3) resolve();
        else server.mine();
      });
    });
    await server.subscribed;
    server.mine();
    await three;
    assert.deepEqual(numbers, [1, 2, 3]);
    await provider.destroy();
  },
});
