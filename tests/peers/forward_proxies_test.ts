/** `connect` through real proxies: tinyproxy, squid, dante and microsocks, with and without credentials. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { listen, type WebSocketServer } from "../../lib/server/mod.ts";
import { connect, type ConnectionHandlers } from "../../mod.ts";
import { ca, cert, key } from "../certificates/mod.ts";
import { findProgram, isExecutable } from "../support/programs.ts";
import { Child } from "../support/runtimes.ts";
import { answers, freePort } from "./proxies.ts";
import { GUARD } from "./support.ts";

const options = { timeout: 60_000 };
const USER = "ada", PASSWORD = "pass-word.1";
/** The password as squid's basic_ncsa_auth reads it: what `openssl passwd -apr1` makes of it. */
const HASH = "$apr1$abcdefgh$vR8tEZp6Y/NRXV4YaBLsu0";
const NCSA = "/usr/lib/squid/basic_ncsa_auth";

interface ForwardProxy {
  name: string;
  scheme: "http" | "socks5";
  program: string | undefined;
  /** Whether it wants a user and a password; undefined where it cannot. */
  login: boolean;
  /** What it is started with; `file` writes a file and returns its path. */
  start(port: number, file: (name: string, text: string) => string): string[];
}

const tinyproxy = (login: boolean): ForwardProxy => ({
  name: "tinyproxy",
  scheme: "http",
  program: findProgram("tinyproxy"),
  login,
  start: (port, file) => [
    "-d",
    "-c",
    file(
      "conf",
      `Port ${port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\nAllow 127.0.0.1\n${
        login ? `BasicAuth ${USER} ${PASSWORD}\n` : ""
      }`,
    ),
  ],
});

const squid = (login: boolean): ForwardProxy => ({
  name: "squid",
  scheme: "http",
  program: !login || isExecutable(NCSA) ? findProgram("squid") : undefined,
  login,
  start: (port, file) => [
    "-N",
    "-f",
    file(
      "conf",
      `http_port 127.0.0.1:${port}
pid_filename none
access_log none
cache_log stdio:/dev/null
cache deny all
shutdown_lifetime 0 seconds
${
        login
          ? `auth_param basic program ${NCSA} ${file("users", `${USER}:${HASH}\n`)}
auth_param basic children 1
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all`
          : "http_access allow all"
      }
`,
    ),
  ],
});

const dante: ForwardProxy = {
  name: "dante",
  scheme: "socks5",
  program: findProgram("danted"),
  login: false,
  start: (port, file) => [
    "-f",
    file(
      "conf",
      `logoutput: stderr
internal: 127.0.0.1 port = ${port}
external: lo
clientmethod: none
socksmethod: none
user.privileged: root
user.unprivileged: nobody
client pass { from: 127.0.0.1/32 to: 0.0.0.0/0 }
socks pass { from: 127.0.0.1/32 to: 0.0.0.0/0 }
`,
    ),
  ],
};

const microsocks = (login: boolean): ForwardProxy => ({
  name: "microsocks",
  scheme: "socks5",
  program: findProgram("microsocks"),
  login,
  start: (port) => [
    ...["-i", "127.0.0.1", "-p", `${port}`],
    ...login ? ["-u", USER, "-P", PASSWORD] : [],
  ],
});

const proxies = [
  tinyproxy(false),
  tinyproxy(true),
  squid(false),
  squid(true),
  dante,
  microsocks(false),
  microsocks(true),
];

/** A proxy that runs. */
class Running implements AsyncDisposable {
  readonly #child: Child;
  readonly #folder: string;
  readonly #port: number;

  private constructor(child: Child, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.#port = port;
  }

  static async start({ name, program, start }: ForwardProxy): Promise<Running> {
    for (let attempt = 1;; attempt++) {
      const folder = mkdtempSync(join(tmpdir(), `sluice-${name}-`)), port = await freePort();
      chmodSync(folder, 0o755); // squid runs as another user
      const child = new Child(
        program!,
        start(port, (file, text) => {
          const path = join(folder, file);
          writeFileSync(path, text);
          return path;
        }),
      );
      const running = new Running(child, folder, port);
      let over = false;
      child.exited.catch(() => {}).then(() => over = true);
      const giveUp = performance.now() + GUARD;
      while (!over && performance.now() < giveUp) {
        if (await answers(port)) return running;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await running[Symbol.asyncDispose]();
      // Another process may have taken the port meanwhile.
      if (attempt === 3) throw new Error(`Cannot start ${name}; it said: ${child.output}`);
    }
  }

  url(scheme: string, credentials = ""): string {
    return `${scheme}://${credentials}127.0.0.1:${this.#port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.signal("SIGTERM"); // dante has children, which end with it
    const late = new Promise((resolve) => setTimeout(resolve, 3_000));
    await Promise.race([this.#child.exited.catch(() => {}), late]);
    await this.#child.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

for (const proxy of proxies) {
  const { name, scheme, login, program } = proxy;
  const skip = program === undefined ? { skip: `${name} is not installed` } : {};
  describe(`through ${name}, ${login ? "with" : "without"} user and password`, skip, () => {
    const servers = new Map<"ws" | "wss", WebSocketServer>();
    let running: Running | undefined;
    const right = login ? `${USER}:${PASSWORD}@` : "";

    before(async () => {
      if (program === undefined) return;
      const place = { port: 0, hostname: "127.0.0.1", onRefused: () => {}, onError: () => {} };
      const websocket: ConnectionHandlers = { message: (own, data) => void own.send(data) };
      servers.set("ws", await listen({ ...place, websocket }));
      servers.set("wss", await listen({ ...place, websocket, tls: { cert, key } }));
      running = await Running.start(proxy);
    });

    after(async () => {
      if (program === undefined) return;
      await running?.[Symbol.asyncDispose]();
      for (const server of servers.values()) await server.shutdown({ timeout: 0 });
    });

    for (const kind of ["ws", "wss"] as const) {
      it(`${kind}: messages both ways, and the closing handshake`, options, async () => {
        const { port } = servers.get(kind)!.address;
        const connection = await connect(`${kind}://127.0.0.1:${port}/`, {
          proxy: running!.url(scheme, right),
          tls: { caCerts: [ca], serverName: "localhost" },
        });
        const bytes = new Uint8Array(1_000_000).map((_, at) => at * 7);
        connection.send("Hello");
        connection.send(bytes);
        assert.equal(await connection.receive(), "Hello");
        assert.deepEqual(await connection.receive(), bytes);
        connection.close(4001);
        const { wasClean, closeCode } = await connection.closed;
        assert.deepEqual([wasClean, closeCode], [true, 4001]);
      });
    }

    it("a server that is not there is an error of the proxy", options, async () => {
      const url = `ws://127.0.0.1:${await freePort()}/`;
      await assert.rejects(connect(url, { proxy: running!.url(scheme, right) }), {
        name: "HandshakeError",
        code: "PROXY_REFUSED",
      });
    });

    if (!login) return;
    for (const credentials of ["", "ada:wrong@", "eve:x@"]) {
      it(`with ${credentials || "none"} it says that they are wrong`, options, async () => {
        const { port } = servers.get("ws")!.address;
        const proxy = running!.url(scheme, credentials);
        await assert.rejects(connect(`ws://127.0.0.1:${port}/`, { proxy }), (error) => {
          assert.equal((error as { code: string }).code, "PROXY_AUTHENTICATION");
          assert.match((error as Error).message, /user and password/);
          return true;
        });
      });
    }
  });
}
