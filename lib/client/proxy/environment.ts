/**
 * Which proxy the environment names, as curl and others read it: `HTTPS_PROXY` for wss:, `HTTP_PROXY` for ws:,
 * else `ALL_PROXY`, unless `NO_PROXY` names the host. Names in small letters come first.
 *
 * @module
 */
import { readEnvironment } from "../../transport/node_api.ts";

/** Returns the URL of the proxy for a target, as it stands in the environment. */
export function proxyOfEnvironment({ protocol, hostname, port }: URL): string | undefined {
  const isSecure = protocol === "wss:";
  if (isExempt(read("NO_PROXY"), hostname, port || (isSecure ? "443" : "80"))) return undefined;
  if (isSecure) return read("HTTPS_PROXY") ?? read("ALL_PROXY");
  // In a CGI program HTTP_PROXY is what a client sent as the header Proxy.
  const isCgi = readEnvironment("REQUEST_METHOD") !== undefined;
  const http = readEnvironment("http_proxy") || (isCgi ? undefined : readEnvironment("HTTP_PROXY"));
  return http || read("ALL_PROXY");
}

function read(name: string): string | undefined {
  return readEnvironment(name.toLowerCase()) || readEnvironment(name) || undefined;
}

/** `NO_PROXY` is a list of names, which stand for their subdomains too, of addresses, or `*`. */
function isExempt(list: string | undefined, hostname: string, port: string): boolean {
  const host = bare(hostname);
  return (list ?? "").toLowerCase().split(/[\s,]+/).some((entry) => {
    if (entry === "") return false;
    if (entry === "*") return true;
    const [, name, wanted] = entry.match(/^(\[[^\]]*\]|[^:]*)(?::([0-9]+))?$/) ?? [, entry];
    if (wanted !== undefined && wanted !== port) return false;
    const domain = bare(name!).replace(/^\*?\./, "");
    return domain !== "" && (host === domain || host.endsWith(`.${domain}`));
  });
}

/** Without brackets, or the dot at the end that some names have. */
function bare(name: string): string {
  return name.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
}
