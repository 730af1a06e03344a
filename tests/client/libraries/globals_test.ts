/** Libraries that take the global WebSocket only, with ours in its place, and their own real servers. */
import assert from "node:assert/strict";
import { answerEthereum, CHAIN } from "./ethereum.ts";
import { serve, testLibraries, WebSocket } from "./support.ts";

/** Runs with our class in place of the platform's, which some libraries keep when they are loaded. */
async function withGlobal(run: () => Promise<void>): Promise<void> {
  const holder = globalThis as unknown as { WebSocket: unknown }, platform = holder.WebSocket;
  holder.WebSocket = WebSocket;
  try {
    await run();
  } finally {
    holder.WebSocket = platform;
  }
}

testLibraries("libraries that take the global WebSocket, with ours in its place", {
  viem: () =>
    withGlobal(async () => {
      const { createPublicClient, webSocket } = await import("viem");
      await using served = await serve();
      const server = answerEthereum(served);
      const transport = webSocket(`ws://${served.host}/`, { reconnect: false });
      const client = createPublicClient({ transport });
      assert.equal(await client.getChainId(), CHAIN);
      const numbers: bigint[] = [];
      const unwatch = await new Promise<() => void>((resolve, reject) => {
        const unwatch = client.watchBlockNumber({
          onBlockNumber: (number) => {
            if (numbers.push(number) < 3) server.mine();
            else resolve(unwatch);
          },
          onError: reject,
        });
        server.subscribed.then(() => server.mine());
      });
      assert.deepEqual(numbers, [1n, 2n, 3n]);
      unwatch();
      await server.unsubscribed;
      const rpc = await client.transport.getRpcClient();
      rpc.close();
    }),

  "engine.io-client": () =>
    withGlobal(async () => {
      const { Server: EngineServer } = await import("engine.io");
      // By itself it takes the package ws on a runtime that is not a browser.
      const { Socket, WebSocket: transport } = await import("engine.io-client");
      await using served = await serve();
      served.sockets.close(); // it brings its own
      const server = new EngineServer();
      server.attach(served.http);
      server.on("connection", (socket) => {
        socket.on("message", (data: string) => socket.send(data));
      });
      const client = new Socket(`http://${served.host}`, { transports: [transport] });
      client.binaryType = "arraybuffer";
      const received: unknown[] = [];
      await new Promise<void>((resolve, reject) => {
        client.on("error", reject);
        client.on("message", (data) => {
          received.push(typeof data === "string" ? data : [...new Uint8Array(data)]);
          if (received.length === 3) resolve();
        });
        client.on("open", () => {
          client.send("text \u00fc");
          client.send(Uint8Array.of(1, 2, 3));
          client.send("x".repeat(200_000));
        });
      });
      assert.deepEqual(received, ["text \u00fc", [1, 2, 3], "x".repeat(200_000)]);
      const closed = new Promise((resolve) => client.on("close", resolve));
      client.close();
      await closed;
      server.close();
    }),

  "socket.io-client": () =>
    withGlobal(async () => {
      const { Server: SocketServer } = await import("socket.io");
      const { io, WebSocket: transport } = await import("socket.io-client");
      await using served = await serve();
      served.sockets.close(); // it brings its own
      const server = new SocketServer(served.http);
      server.on("connection", (socket) => {
        socket.on("bytes", (bytes, answer) => answer(bytes, "and text"));
        socket.on("ask me", () => {
          socket.emit("question", Uint8Array.of(4, 5), (answer: Uint8Array) => {
            socket.emit("answered", answer);
          });
        });
      });
      const client = io(`http://${served.host}`, { transports: [transport] });
      try {
        await new Promise<void>((resolve, reject) => {
          client.on("connect", resolve);
          client.on("connect_error", reject);
        });
        const [bytes, text] = await new Promise<[Uint8Array, string]>((resolve) => {
          const given = (bytes: Uint8Array, text: string): void => resolve([bytes, text]);
          client.emit("bytes", Uint8Array.of(1, 2, 3), given);
        });
        assert.deepEqual([[...new Uint8Array(bytes)], text], [[1, 2, 3], "and text"]);

        client.on("question", (bytes: Uint8Array, answer: (bytes: Uint8Array) => void) => {
          answer(new Uint8Array(bytes).toReversed());
        });
        const answered = await new Promise<Uint8Array>((resolve) => {
          client.on("answered", resolve);
          client.emit("ask me");
        });
        assert.deepEqual([...new Uint8Array(answered)], [5, 4]);
      } finally {
        client.close();
        await server.close();
      }
    }),
});
