/**
 * A peer in a thread of its own, for tests that block the event loop of theirs: it notes in shared memory
 * where it stands, and answers a little later whatever the other end does meanwhile.
 */
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { Buffer } from "node:buffer";
import { parentPort, workerData } from "node:worker_threads";
import { CLOSE, closePayload, frame, PING, PONG } from "../../connection/support.ts";
import { answerText, keyOf, requestText } from "../../support/opening.ts";

/** What the peer waits for, and what it does a little later. */
export type LatePeerTask =
  /** As a client: answers a ping. */
  | "pong"
  /** As a client: sends the second half of its handshake, having sent the first. */
  | "head"
  /** As a client: answers our Close. */
  | "close"
  /** As a client: reads what it had left unread. */
  | "read"
  /** As a server: answers the handshake. */
  | "answer";

/** What the peer is started with. */
export interface LatePeerInit {
  task: LatePeerTask;
  /** Where the server is, for a client. */
  port: number;
  secure: boolean;
  /** An Int32Array: how far the peer is. */
  progress: SharedArrayBuffer;
}

/** The peer has seen what it waits for. */
export const SEEN = 1;
/** It has answered. */
export const ANSWERED = 2;

/** How long it takes to answer, in milliseconds: the other end has blocked its loop by then. */
const DELAY = 50;

function start({ task, port, secure, progress }: LatePeerInit): void {
  const state = new Int32Array(progress);
  const note = (to: number): void => {
    Atomics.store(state, 0, to);
    Atomics.notify(state, 0);
  };
  const answerLater = (answer: () => void): void => {
    note(SEEN);
    setTimeout(() => {
      answer();
      // What was written is with the system by then.
      setTimeout(() => note(ANSWERED), DELAY);
    }, DELAY);
  };
  if (task === "answer") {
    const server = createServer((socket) => {
      socket.once("data", (head) => answerLater(() => socket.write(answerText(keyOf(`${head}`)))));
      socket.on("error", () => {});
    });
    server.listen(
      0,
      "127.0.0.1",
      () => parentPort!.postMessage((server.address() as { port: number }).port),
    );
    return;
  }
  const request = requestText({ Host: `127.0.0.1:${port}` });
  const opened = (): void => {
    if (task === "head") {
      socket.write(request.slice(0, 20));
      answerLater(() => socket.write(request.slice(20)));
    } else socket.write(request);
    // Behind the head may stand what the server sent at once.
    let head = "";
    socket.on("data", function read(bytes): void {
      head += bytes.toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      socket.off("data", read);
      act(task, { socket, rest: Buffer.from(head.slice(end + 4), "latin1"), answerLater });
    });
  };
  const socket: Socket = secure
    ? connectTls(
      { port, host: "127.0.0.1", rejectUnauthorized: false, servername: "localhost" },
      opened,
    )
    : connectTcp(port, "127.0.0.1", opened);
  socket.on("error", () => {});
}

/** Past the handshake: what the client waits for is one short frame, and comes alone. */
function act(
  task: LatePeerTask,
  { socket, rest, answerLater }: {
    socket: Socket;
    rest: Uint8Array;
    answerLater: (answer: () => void) => void;
  },
): void {
  const say = (first: number, payload: Uint8Array | string): void =>
    void socket.write(frame(first, payload, { masked: true }));
  if (task === "read") {
    socket.pause();
    say(0x81, "begin");
    return answerLater(() => socket.resume());
  }
  const read = (bytes: Uint8Array): void => {
    const opcode = bytes[0] & 15;
    if (task === "pong" && opcode === PING) answerLater(() => say(0x80 | PONG, ""));
    if (task === "close" && opcode === CLOSE) {
      answerLater(() => say(0x80 | CLOSE, closePayload(1000)));
    }
  };
  if (rest.length > 0) read(rest);
  socket.on("data", read);
}

if (workerData?.progress !== undefined) start(workerData as LatePeerInit);
