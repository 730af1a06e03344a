/**
 * haproxy, nginx and Apache as reverse proxies, each from a folder of its own.
 *
 * @module
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findProgram } from "../support/programs.ts";
import { Child } from "../support/runtimes.ts";
import { GUARD } from "./support.ts";

/** The proxies. */
export const proxyNames = ["haproxy", "nginx", "apache"] as const;
/** One of them. */
export type ProxyName = typeof proxyNames[number];

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const certificate = file("../certificates/leaf.pem"), key = file("../certificates/leaf.key");
const apacheModules = "/usr/lib/apache2/modules";

const paths: Readonly<Record<ProxyName, string | undefined>> = {
  haproxy: findProgram("haproxy"),
  nginx: findProgram("nginx"),
  apache: existsSync(apacheModules) ? findProgram("apache2") : undefined,
};

/** Returns what `describe` takes to skip and say why, if a proxy is not installed. */
export function needsProxy(name: ProxyName): { skip?: string } {
  return paths[name] === undefined ? { skip: `${name} is not installed` } : {};
}

/** Whether this machine has the loopback address of IPv6. */
export const hasIPv6: boolean = Object.values(networkInterfaces()).flat().some((each) =>
  each?.address === "::1"
);

/** Where a proxy listens: without TLS on both loopback addresses. */
interface Ports {
  plain: number;
  secure: number;
}

/**
 * The whole configuration around the lines that a test is about: for haproxy the sections but the
 * binds, for nginx what stands in `location /`, for Apache what stands in the main file.
 */
const configurations: Readonly<Record<ProxyName, (lines: string, ports: Ports) => string>> = {
  // Like the PEM in README.md, its file has both the certificate and the key.
  haproxy: (lines, { plain, secure }) => `
global
  maxconn 100
  nbthread 1
${
    lines.replace(
      /^( *)bind .*$/m,
      `$1bind 127.0.0.1:${plain}${hasIPv6 ? `,[::1]:${plain}` : ""}
$1bind 127.0.0.1:${secure} ssl crt site.pem`,
    )
  }
`,
  nginx: (lines, { plain, secure }) => `
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path temp;
  proxy_temp_path temp;
  fastcgi_temp_path temp;
  uwsgi_temp_path temp;
  scgi_temp_path temp;
  server {
    listen 127.0.0.1:${plain};
    ${hasIPv6 ? `listen [::1]:${plain};` : ""}
    listen 127.0.0.1:${secure} ssl;
    ssl_certificate ${certificate};
    ssl_certificate_key ${key};
    location / {
${lines}
    }
  }
}
`,
  // The user and group matter only where this runs as root: they are those of "nobody". Its log is a
  // file, as it opens /dev/stderr by its name, which fails where that is a socket.
  apache: (lines, { plain, secure }) => `
ServerName localhost
PidFile httpd.pid
ErrorLog log
User #65534
Group #65534
Mutex pthread
${
    ["mpm_event", "authz_core", "proxy", "proxy_http", "ssl"]
      .map((name) => `LoadModule ${name}_module ${apacheModules}/mod_${name}.so`).join("\n")
  }
Listen 127.0.0.1:${plain}
${hasIPv6 ? `Listen [::1]:${plain}` : ""}
Listen 127.0.0.1:${secure}
${lines}
<VirtualHost 127.0.0.1:${secure}>
SSLEngine on
SSLCertificateFile ${certificate}
SSLCertificateKeyFile ${key}
</VirtualHost>
`,
};

/** What starts each in the foreground, in the folder that has its configuration in `conf`. */
const argumentsFor: Readonly<Record<ProxyName, (folder: string) => string[]>> = {
  haproxy: (folder) => ["-db", "-C", folder, "-f", "conf"],
  nginx: (folder) => ["-p", `${folder}/`, "-c", "conf", "-e", "stderr"],
  apache: (folder) => ["-d", folder, "-f", "conf", "-X"],
};

/** Returns a port that was free a moment ago: no proxy tells which one the system gave it. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Returns whether something listens on a port. */
export function answers(port: number): Promise<boolean> {
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

/** The address that stands for the server behind the proxy in README.md. */
const UPSTREAM = "127.0.0.1:8080";

/** Returns the lines that README.md gives for a proxy: its block of code in that language. */
export function documentedLines(name: ProxyName): string {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const lines = readme.match(new RegExp(`\`\`\`${name}\\n([^]*?)\`\`\``))?.[1];
  if (!lines?.includes(UPSTREAM)) throw new Error(`README.md has no block for ${name}`);
  return lines;
}

/** A running proxy in front of a server. `await using` ends it. */
export class Proxy implements AsyncDisposable {
  readonly #child: Child;
  readonly #folder: string;
  readonly #ports: Ports;

  private constructor(child: Child, folder: string, ports: Ports) {
    this.#child = child;
    this.#folder = folder;
    this.#ports = ports;
  }

  /**
   * Starts a proxy, and waits until it accepts connections.
   *
   * @param lines What its configuration says of the server behind it, which stands there as 127.0.0.1:8080.
   * @param upstream The address of that server, as `host:port`.
   * @throws {Error} If the proxy is not installed, or ends (rejects).
   */
  static async start(name: ProxyName, lines: string, upstream: string): Promise<Proxy> {
    const path = paths[name];
    if (path === undefined) throw new Error(`Cannot start ${name}: it is not installed`);
    for (let attempt = 1;; attempt++) {
      const folder = mkdtempSync(join(tmpdir(), `sluice-${name}-`));
      const ports = { plain: await freePort(), secure: await freePort() };
      const configuration = configurations[name](lines.replaceAll(UPSTREAM, upstream), ports);
      mkdirSync(join(folder, "temp"));
      writeFileSync(join(folder, "conf"), configuration);
      writeFileSync(
        join(folder, "site.pem"),
        readFileSync(certificate, "utf8") + readFileSync(key),
      );
      const child = new Child(path, argumentsFor[name](folder));
      const proxy = new Proxy(child, folder, ports);
      if (await proxy.#isUp()) return proxy;
      const log = join(folder, "log");
      const said = child.output + (existsSync(log) ? readFileSync(log, "utf8") : "");
      await proxy[Symbol.asyncDispose]();
      // Another process may have taken the port meanwhile.
      if (attempt === 3) throw new Error(`Cannot start ${name}; it said: ${said}`);
    }
  }

  async #isUp(): Promise<boolean> {
    let over = false;
    this.#child.exited.catch(() => {}).then(() => over = true);
    const giveUp = performance.now() + GUARD;
    while (!over && performance.now() < giveUp) {
      if (await answers(this.#ports.plain) && await answers(this.#ports.secure)) return !over;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return false;
  }

  /** Where it listens on 127.0.0.1 and, without TLS, on ::1, if there is IPv6. */
  get ports(): Readonly<Ports> {
    return this.#ports;
  }

  /** Its URL. */
  url(scheme: "ws" | "wss"): string {
    return `${scheme}://127.0.0.1:${scheme === "ws" ? this.#ports.plain : this.#ports.secure}`;
  }

  /** Ends it, as if the machine had failed, and removes its folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
