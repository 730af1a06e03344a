/**
 * nginx as a reverse proxy, from a folder of its own.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GUARD } from "./support.ts";

const certificate = fileURLToPath(new URL("../certificates/leaf.pem", import.meta.url));
const key = fileURLToPath(new URL("../certificates/leaf.key", import.meta.url));

function configuration(ports: { plain: number; secure: number; upstream: number }): string {
  return `
daemon off;
master_process off;
pid nginx.pid;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path temp;
  proxy_temp_path temp;
  fastcgi_temp_path temp;
  uwsgi_temp_path temp;
  scgi_temp_path temp;
  server {
    listen 127.0.0.1:${ports.plain};
    listen 127.0.0.1:${ports.secure} ssl;
    ssl_certificate ${certificate};
    ssl_certificate_key ${key};
    location / {
      proxy_pass http://127.0.0.1:${ports.upstream};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $http_connection;
      proxy_set_header Host $http_host;
    }
  }
}
`;
}

/** A port that was free a moment ago: nginx has no way to tell which one it was given. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const settle = (up: boolean): void => {
      socket.destroy();
      resolve(up);
    };
    socket.on("connect", () => settle(true));
    socket.on("error", () => settle(false));
  });
}

/** A running nginx in front of a server. */
export class Nginx implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #ports: { plain: number; secure: number };

  private constructor(
    process: ChildProcess,
    folder: string,
    ports: { plain: number; secure: number },
  ) {
    this.#process = process;
    this.#folder = folder;
    this.#ports = ports;
  }

  /** Starts it in front of the port `upstream`, and waits until it takes connections. */
  static async start(upstream: number): Promise<Nginx> {
    const folder = mkdtempSync(join(tmpdir(), "sluice-nginx-"));
    mkdirSync(join(folder, "logs"));
    const ports = { plain: await freePort(), secure: await freePort() };
    writeFileSync(join(folder, "nginx.conf"), configuration({ ...ports, upstream }));
    const args = ["-p", `${folder}/`, "-c", "nginx.conf", "-e", "logs/error.log"];
    const process = spawn("nginx", args, { stdio: "ignore" });
    const nginx = new Nginx(process, folder, ports);
    const giveUp = Date.now() + GUARD;
    while (!await answers(ports.secure)) {
      if (process.exitCode !== null || Date.now() > giveUp) {
        await nginx[Symbol.asyncDispose]();
        throw new Error("Cannot start nginx");
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return nginx;
  }

  /** Its URL. */
  url(scheme: "ws" | "wss"): string {
    return `${scheme}://127.0.0.1:${scheme === "ws" ? this.#ports.plain : this.#ports.secure}`;
  }

  /** Ends it, as if the machine had failed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill("SIGKILL");
      await once(this.#process, "exit");
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
