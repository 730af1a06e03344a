/**
 * Reports to the user's `onError` and `onRefused`: whatever these do, the caller goes on.
 *
 * @module
 */
import { catchRejection, printError } from "../thrown.ts";
import type { TransportAddress } from "../link/transport.ts";

/** What a report says of a connection. */
export interface ReportedConnection {
  readonly url: string;
  readonly request: Request | undefined;
  readonly remoteAddress: TransportAddress | undefined;
}

/** Where an error belongs. */
export interface ReportContext<Connection> {
  readonly connection: Connection | undefined;
  readonly request: Request | undefined;
  readonly remoteAddress: TransportAddress | undefined;
}

/** The user's `onError`. */
export type ReportHandler<Connection> = (
  error: unknown,
  context: ReportContext<Connection>,
) => void | Promise<void>;

/**
 * Reports an error to `onError`, or prints it where there is none. If `onError` throws, or returns a
 * promise that rejects, both errors are printed.
 */
export function reportError<Connection extends ReportedConnection>(
  onError: ReportHandler<Connection> | undefined,
  error: unknown,
  context: ReportContext<Connection>,
): void {
  if (onError === undefined) printError(headingOf(context), error);
  else callHandler("onError", error, () => onError(error, context));
}

/** Returns the context of an error on a connection. */
export function contextOf<Connection extends ReportedConnection>(
  connection: Connection,
): ReportContext<Connection> {
  return {
    connection,
    get request(): Request | undefined {
      return connection.request;
    },
    remoteAddress: connection.remoteAddress,
  };
}

/** Calls a handler with `error`. If it fails in turn, both errors are printed. */
export function callHandler(name: string, error: unknown, call: () => unknown): void {
  const failed = (again: unknown): void => {
    printError(`The option ${name} failed:`, again);
    printError("It was told of:", error);
  };
  try {
    catchRejection(call(), failed);
  } catch (again) {
    failed(again);
  }
}

/** Returns the text of an address: `127.0.0.1:80`, `[::1]:80`, or the path of a Unix socket. */
export function addressText({ transport, hostname, port }: TransportAddress): string {
  if (transport !== "tcp") return hostname || transport;
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/** Says where the error came from: the address, and the URL without what may be secret. */
function headingOf(
  { connection, request, remoteAddress }: ReportContext<ReportedConnection>,
): string {
  const url = withoutSecrets(connection?.url ?? request?.url ?? "");
  const what = url === "" ? "Error" : `Error at ${url}`;
  return remoteAddress === undefined ? `${what}:` : `${what}, peer ${addressText(remoteAddress)}:`;
}

/** Credentials and the query stay out of logs. */
function withoutSecrets(url: string): string {
  if (!URL.canParse(url)) return "";
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
