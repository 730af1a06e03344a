/** What people ask of a mock of WebSocket, without sockets and real time: for every test runner. */
import assert from "node:assert/strict";
import { listen } from "../../lib/server/mod.ts";
import {
  type ExpectationError,
  expectClosed,
  expectMessage,
  expectSoon,
  Network,
  pair,
  RawPeer,
  settle,
  VirtualClock,
} from "../../lib/testing/mod.ts";
import { connect, LimitError, type MessageData, type WebSocketConnection } from "../../mod.ts";

const URL = "ws://chat.example/";
const echo = {
  message: (connection: WebSocketConnection, data: MessageData): void => void connection.send(data),
};

/** A client that connects again when its connection ends, as users write it. */
async function stayConnected(
  network: Network,
  onOpen: (connection: WebSocketConnection) => void,
  attempts: number,
): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const connection = await connect(URL, { network }).catch(() => undefined);
    if (connection === undefined) {
      await new Promise<void>((resolve) => network.clock.setTimer(1_000, resolve));
      continue;
    }
    onOpen(connection);
    await connection.closed;
  }
}

/** The names of the cases, and what they do. */
export const cases: readonly [string, () => Promise<void>][] = [
  ["what is connected, received and closed can be awaited", async (): Promise<void> => {
    using network = new Network();
    const server = await listen({ network, port: 80, websocket: echo });
    const client = await connect(URL, { network });
    const [accepted] = server.connections;
    client.send("Hello");
    await expectMessage(client, "Hello");
    client.send(Uint8Array.of(1, 2, 3));
    await expectMessage(client, Uint8Array.of(1, 2, 3));
    accepted.close(4001, "kicked");
    await expectClosed(client, { closeCode: 4001, reason: "kicked", initiator: "remote" });
    await expectClosed(accepted, { closeCode: 4001, wasClean: true, initiator: "local" });
  }],

  ["an expectation that fails says what came, and does not wait for ever", async () => {
    const { client, server } = pair();
    client.send("Hello");
    await assert.rejects(expectMessage(server, "Goodbye"), (error: ExpectationError) => {
      assert.equal(error.message, 'Expected the message "Goodbye", got "Hello"');
      assert.deepEqual([error.actual, error.expected], ["Hello", "Goodbye"]);
      assert.deepEqual([error.name, error.code], ["AssertionError", "ERR_ASSERTION"]);
      return true;
    });
    await assert.rejects(expectMessage(server, "more"), /Expected the message "more", and nothing/);
    client.send("late"); // what was given up does not take it
    await expectMessage(server, "late");
    await assert.rejects(expectClosed(client), /to be closed, and nothing came/);
    client.close(4000);
    await assert.rejects(
      expectClosed(server, { closeCode: 1000 }),
      /closeCode to be 1000, got 4000/,
    );
    await assert.rejects(
      expectMessage(server, Uint8Array.of(1)),
      (error: Error) => error.name === "ConnectionClosedError",
    );
  }],

  ["a client comes back after a reset and a refusal", async (): Promise<void> => {
    using network = new Network({ latency: 10 });
    await listen({ network, port: 80, websocket: echo });
    const opened: number[] = [];
    const { clock } = network;
    const over = stayConnected(network, () => opened.push(clock.now()), 4);
    await clock.pass(100);
    assert.equal(opened.length, 1);
    network.refuse();
    network.reset();
    await clock.pass(1_500);
    network.restore();
    await clock.pass(1_500);
    assert.equal(opened.length, 2);
    network.reset();
    await clock.until(over);
    assert.ok(opened[1] >= 1_000, `${opened}`);
  }],

  ["a server can refuse by a status, and a host by nobody listening", async (): Promise<void> => {
    using network = new Network();
    const { clock } = network;
    await listen({
      network,
      port: 80,
      websocket: {},
      handshake: () => new Response("members only", { status: 403 }),
      onRefused() {},
    });
    const refused = clock.until(connect(URL, { network }));
    await assert.rejects(refused, { name: "HandshakeError", status: 403 });
    await assert.rejects(connect("ws://chat.example:81", { network }), {
      code: "CONNECTION_REFUSED",
    });
  }],

  ["timers of the platform that are replaced do not stop it", async (): Promise<void> => {
    const { setTimeout, setInterval } = globalThis;
    const never = (): number => 0;
    Object.assign(globalThis, { setTimeout: never, setInterval: never });
    try {
      const { client, server, clock } = pair({ server: { websocket: echo } });
      client.send("Hello");
      await expectMessage(client, "Hello");
      await clock.pass(3_600_000); // an hour of pings
      assert.equal(client.readyState, 1);
      client.close(1000, "done");
      await expectClosed(server, { closeCode: 1000, wasClean: true });
      await expectClosed(client, { wasClean: true });
      assert.equal(clock.timers, 0);
    } finally {
      Object.assign(globalThis, { setTimeout, setInterval });
    }
  }],

  ["a promise that nothing can settle is an error, and does not hang", async (): Promise<void> => {
    const clock = new VirtualClock();
    const never = new Promise<void>(() => {});
    await assert.rejects(clock.until(never), /still pending: no timer is set/);
    const { client } = pair({ clock });
    await assert.rejects(clock.until(never, 60_000), /still pending: 60000 ms have passed/);
    await assert.rejects(expectSoon(never, "a wonder"), /Expected a wonder, and nothing came/);
    client.terminate();
  }],

  ["a connection that is half open is noticed by its timeouts", async (): Promise<void> => {
    using network = new Network();
    const server = await listen({ network, port: 80, websocket: echo });
    const client = await connect(URL, { network, pingInterval: 5_000, pingTimeout: 2_000 });
    network.cut();
    client.send("lost");
    const { closeCode, error } = await network.clock.until(client.closed);
    assert.equal(closeCode, 1006);
    assert.ok(error instanceof LimitError && error.option === "pingTimeout", `${error}`);
    const [accepted] = server.connections;
    assert.equal(accepted.readyState, 1); // it has not noticed yet
    await network.clock.until(accepted.closed);
    assert.equal(network.clock.now() >= 40_000, true);
  }],

  ["every close code can be tried", async (): Promise<void> => {
    for (const closeCode of [1000, 1001, 1008, 1011, 1012, 1013, 3000, 4999]) {
      const { client, server } = pair();
      server.close(closeCode, "why");
      await expectClosed(client, { closeCode, reason: "why", wasClean: true });
    }
    const { client, server } = pair();
    server.terminate();
    await expectClosed(client, { closeCode: 1006, wasClean: false });
  }],

  ["bufferedAmount grows while the other end does not read", async (): Promise<void> => {
    const { client, server } = pair({ capacity: 100 });
    server.pause();
    client.send(new Uint8Array(1_000));
    await assert.rejects(expectSoon(clientBelow(client, 500), "room"), /nothing came/);
    assert.ok(client.bufferedAmount > 800, `${client.bufferedAmount}`);
    server.resume();
    await expectMessage(server, new Uint8Array(1_000));
    assert.equal(client.bufferedAmount, 0);
    client.terminate();
  }],

  ["a peer that breaks rules is played by the test, as a client and as a server", async () => {
    using network = new Network();
    const errors: unknown[] = [];
    await listen({
      network,
      port: 80,
      protocols: ["chat"],
      websocket: { ...echo, close: (_, info) => void errors.push(info.error) },
    });
    const peer = await RawPeer.connect(network, { port: 80 });
    const answer = await peer.upgrade({ protocol: "chat" });
    assert.match(answer, /^HTTP\/1\.1 101 [^]*Sec-WebSocket-Protocol: chat\r\n/);
    peer.send({ payload: "Hello" });
    const frame = await peer.expectFrame({ opcode: 1, fin: true, payload: "Hello" });
    assert.deepEqual([frame.mask, frame.headerSize, frame.rsv], [undefined, 2, 0]);
    await assert.rejects(peer.readFrame(), /Expected a frame, and nothing came/);
    peer.send({ opcode: 2, payload: "not masked", mask: false });
    await peer.expectFrame({ opcode: 8 });
    await peer.expectEnd();
    peer.reset();
    await settle();
    assert.match(String(errors[0]), /unmasked/);

    const listener = await RawPeer.listen(network, { port: 81 });
    const connecting = connect("ws://chat.example:81", { network });
    const server = await listener.accept();
    assert.match(await server.upgrade({ headers: { "set-cookie": "a=1" } }), /^GET \/ HTTP/);
    const client = await connecting;
    client.send("x".repeat(200));
    const { mask, headerSize } = await server.expectFrame({ payload: "x".repeat(200) });
    assert.deepEqual([mask?.length, headerSize], [4, 8]);
    server.send({ payload: "Hel", fin: false });
    server.send({ opcode: 9, payload: "ping" });
    server.send({ opcode: 0, payload: "lo" });
    await server.expectFrame({ opcode: 10, payload: "ping" });
    await expectMessage(client, "Hello");
    await assert.rejects(server.expectFrame({ opcode: 1 }), /Expected a frame/);
    server.write("\x81\x7f"); // the beginning of a long header
    server.end();
    const info = await expectClosed(client, { closeCode: 1006 });
    assert.match(String(info.error), /ended/);
    await assert.rejects(listener.accept(), /Expected a client, and nothing came/);
    const late = connect("ws://chat.example:81", { network });
    const next = await listener.accept(); // what was given up did not take it
    await next.upgrade();
    (await late).terminate();
    await listener.close();
  }],

  ["nothing is left for the next test", async (): Promise<void> => {
    const network = new Network({ latency: 5 });
    const { clock } = network;
    const server = await listen({ network, port: 80, websocket: echo });
    const clients = await clock.until(
      Promise.all(Array.from({ length: 20 }, () => connect(URL, { network }))),
    );
    const connecting = connect(URL, { network });
    connecting.catch(() => {});
    await listen({
      network,
      port: 81,
      websocket: {},
      handshake: () => new Promise<void>(() => {}),
    });
    const waiting = connect("ws://chat.example:81", { network });
    waiting.catch(() => {});
    await clock.pass(30);
    network[Symbol.dispose]();
    await assert.rejects(clock.until(waiting));
    await Promise.all(clients.map((client) => expectClosed(client, { closeCode: 1006 })));
    await Promise.allSettled([connecting]);
    assert.deepEqual([server.connections.size, network.links.size, clock.timers], [0, 0, 0]);
  }],
];

async function clientBelow(client: WebSocketConnection, amount: number): Promise<void> {
  while (client.bufferedAmount > amount) await new Promise<void>((resolve) => setTimeout(resolve));
}
