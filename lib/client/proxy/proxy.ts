/**
 * The option `proxy` of `connect`: which proxy, and the way through it.
 *
 * @module
 */
import type { Transport } from "../../link/transport.ts";
import { isInstance } from "../../thrown.ts";
import { typeName } from "../../options.ts";
import { proxyOfEnvironment } from "./environment.ts";
import { openHttpTunnel } from "./http_tunnel.ts";
import { ProxyReader, type TunnelInit } from "./proxy_reader.ts";
import { openSocks5Tunnel } from "./socks5_tunnel.ts";

/** A proxy, checked. */
export interface Proxy {
  /** Its name or address, IPv6 in brackets. */
  readonly hostname: string;
  /** Its port. */
  readonly port: number;
  /** Whether it speaks SOCKS5. */
  readonly isSocks: boolean;
  /** Who asks, as its URL says. */
  readonly user: { name: string; password: string } | undefined;
}

/**
 * Reads the option `proxy`; undefined if the target is to be reached without one.
 *
 * @throws {TypeError} If it is no URL of a proxy.
 * @throws {DOMException} NotSupportedError where the environment may not be read.
 */
export function readProxy(given: unknown, target: URL): Proxy | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== "string" && !isInstance(given, URL)) {
    throw new TypeError(
      `Cannot connect: proxy must be a URL such as http://host:port or socks5://host:port, or ` +
        `"environment", got ${typeName(given)}`,
    );
  }
  const isEnvironment = given === "environment";
  const text = isEnvironment ? proxyOfEnvironment(target) : String(given);
  if (text === undefined) return undefined;
  return parseProxy(isEnvironment && !text.includes("://") ? `http://${text}` : text);
}

/** The text is not repeated in an error: it may have a password. */
function parseProxy(text: string): Proxy {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const scheme = url?.protocol;
  const isSocks = scheme === "socks5:" || scheme === "socks5h:";
  if (url === undefined || url.hostname === "" || !isSocks && scheme !== "http:") {
    const got = url === undefined ? "something else" : `the scheme ${scheme}`;
    throw new TypeError(
      `Cannot connect: proxy must be a URL such as http://host:port or socks5://host:port, got ${got}`,
    );
  }
  const port = url.port === "" ? isSocks ? 1080 : 80 : Number(url.port);
  const name = decode(url.username), password = decode(url.password);
  const user = name === "" && password === "" ? undefined : { name, password };
  if (isSocks && [name, password].some((each) => new TextEncoder().encode(each).length > 255)) {
    throw new TypeError(
      "Cannot connect: the user and password of a SOCKS5 proxy have at most 255 bytes",
    );
  }
  return { hostname: url.hostname, port, isSocks, user };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Has the proxy at the other end of the transport open the way to a target. */
export async function openTunnel(
  { isSocks, user }: Proxy,
  transport: Transport,
  init: Omit<TunnelInit, "user">,
): Promise<void> {
  const open = isSocks ? openSocks5Tunnel : openHttpTunnel;
  await open(new ProxyReader(transport), { ...init, user });
}
