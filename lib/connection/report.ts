/**
 * Reports to the user's `onError` and `onRefused`: whatever these do, the caller goes on.
 *
 * @module
 */
import { catchRejection, printError } from "../thrown.ts";
import type { WebSocketConnection } from "./connection.ts";
import type { ErrorContext, ErrorHandler } from "./handlers.ts";
import type { AnyMessage } from "./streamed_message.ts";
import type { TransportAddress } from "../link/transport.ts";

/**
 * Reports an error to `onError`, or prints it where there is none. If `onError` throws, or returns a
 * promise that rejects, both errors are printed.
 */
export function reportError<Data, Message extends AnyMessage>(
  onError: ErrorHandler<Data, Message> | undefined,
  error: unknown,
  context: ErrorContext<Data, Message>,
): void {
  if (onError === undefined) printError(headingOf(context), error);
  else callHandler("onError", error, () => onError(error, context));
}

/** Returns what `onError` is told besides an error of a connection. */
export function contextOf<Data, Message extends AnyMessage>(
  connection: WebSocketConnection<Data, Message>,
): ErrorContext<Data, Message> {
  return {
    connection,
    get request(): Request | undefined {
      return connection.request;
    },
    remoteAddress: connection.remoteAddress,
  };
}

/** Calls a handler that is told of `error`. If it fails in turn, both errors are printed. */
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
function headingOf<Data, Message extends AnyMessage>(
  { connection, request, remoteAddress }: ErrorContext<Data, Message>,
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
