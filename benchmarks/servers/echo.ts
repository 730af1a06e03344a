/**
 * What echoes on a connection of this library's, whoever gives it.
 *
 * @module
 */
import type { ConnectionHandler } from "../../lib/connection/connection.ts";

/** Handlers or, for `iteration`, a function that reads with `for await`. */
export function echoOf(reading: string | undefined): ConnectionHandler<undefined> {
  if (reading !== "iteration") {
    return { message: (connection, data) => void connection.send(data) };
  }
  return async (connection) => {
    for await (const message of connection) connection.send(message);
  };
}
