/**
 * The way through a SOCKS5 proxy (RFC 1928), with a user name and password (RFC 1929). Names are resolved by
 * the proxy.
 *
 * @module
 */
import { proxyError, refusedError } from "./errors.ts";
import type { ProxyReader, TunnelInit } from "./proxy_reader.ts";

const VERSION = 5, CONNECT = 1, NO_METHOD = 0xff;
/** Methods of authentication. */
const NOTHING = 0, PASSWORD = 2;
/** Types of addresses. */
const IPV4 = 1, NAME = 3, IPV6 = 4;

/** RFC 1928 section 6. */
const REPLIES: readonly string[] = [
  "",
  "a general failure",
  "its rules do not allow this host or port",
  "the network is unreachable",
  "the host is unreachable",
  "the server refused the connection",
  "the time to live is over",
  "it does not know CONNECT",
  "it does not know this type of address",
];

/** Asks for the way to the target. Rejects with a HandshakeError if the proxy refuses, or answers nonsense. */
export async function openSocks5Tunnel(
  proxy: ProxyReader,
  { hostname, port, user }: TunnelInit,
): Promise<void> {
  const methods = user === undefined ? [NOTHING] : [NOTHING, PASSWORD];
  proxy.write(Uint8Array.of(VERSION, methods.length, ...methods));
  const [version, method] = await proxy.readExactly(2);
  if (version !== VERSION) throw proxyError("it does not answer as a SOCKS5 proxy");
  if (method === NO_METHOD || !methods.includes(method)) {
    throw refusedError(
      "PROXY_AUTHENTICATION",
      "it accepts no way to log in that was offered; give the user and password that it wants in its " +
        "URL (socks5://user:password@host:port)",
    );
  }
  if (method === PASSWORD) await logIn(proxy, user!);
  proxy.write(
    Uint8Array.of(VERSION, CONNECT, 0, ...addressOf(hostname), port >> 8, port & 0xff),
  );
  const [again, reply, , type] = await proxy.readExactly(4);
  if (again !== VERSION) throw proxyError("it does not answer as a SOCKS5 proxy");
  if (reply !== 0) {
    throw refusedError(
      "PROXY_REFUSED",
      REPLIES[reply] ?? `it answered ${reply}, which has no meaning`,
    );
  }
  // Its own address, and port: of no use here.
  await proxy.readExactly(await addressLength(proxy, type) + 2);
  if (proxy.hasMore) {
    throw proxyError("bytes came behind its answer, before anything was sent to the server");
  }
}

/** RFC 1929 section 2. */
async function logIn(
  proxy: ProxyReader,
  { name, password }: { name: string; password: string },
): Promise<void> {
  const [user, secret] = [name, password].map((text) => new TextEncoder().encode(text));
  proxy.write(Uint8Array.of(1, user.length, ...user, secret.length, ...secret));
  const [, status] = await proxy.readExactly(2);
  if (status === 0) return;
  throw refusedError("PROXY_AUTHENTICATION", "it does not accept the user and password");
}

/** The type of an address and the address itself; a URL has it in its one canonical spelling. */
function addressOf(hostname: string): number[] {
  if (/^[0-9]+(\.[0-9]+){3}$/.test(hostname)) {
    return [IPV4, ...hostname.split(".").map(Number)];
  }
  if (hostname.startsWith("[")) return [IPV6, ...ipv6Of(hostname.slice(1, -1))];
  const name = new TextEncoder().encode(hostname);
  return [NAME, name.length, ...name];
}

/** The 16 bytes of an address, in which `::` stands for as many zeros as are missing. */
function ipv6Of(text: string): number[] {
  const [before, after] = text.split("::").map((part) =>
    part.split(":").filter((each) => each !== "").flatMap((each) => {
      const value = parseInt(each, 16);
      return [value >> 8, value & 0xff];
    })
  );
  if (after === undefined) return before;
  return [...before, ...Array(16 - before.length - after.length).fill(0), ...after];
}

async function addressLength(proxy: ProxyReader, type: number): Promise<number> {
  if (type === IPV4) return 4;
  if (type === IPV6) return 16;
  if (type === NAME) return (await proxy.readExactly(1))[0];
  throw proxyError("it does not answer as a SOCKS5 proxy");
}
