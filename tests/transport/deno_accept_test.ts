/** What a listener of Deno's does when `accept` fails; the runtime below it is a fake. */
import assert from "node:assert/strict";
import { it } from "node:test";
import type { Transport } from "../../lib/link/transport.ts";
import { TransportError } from "../../lib/errors.ts";
import { listenDeno } from "../../lib/transport/deno.ts";
import type { DenoConn, DenoLike } from "../../lib/transport/deno_api.ts";

/** Accepts what it is given, one after the other: an error is thrown. */
function denoThatAccepts(...results: (Error | DenoConn)[]): DenoLike {
  const never = new Promise<DenoConn>(() => {});
  const listener = {
    addr: { transport: "tcp", hostname: "127.0.0.1", port: 1 },
    accept: () => {
      const result = results.shift();
      if (result instanceof Error) return Promise.reject(result);
      return result === undefined ? never : Promise.resolve(result);
    },
    close(): void {},
  };
  return { listen: () => listener } as unknown as DenoLike;
}

function failure(name: string, code: string): Error {
  return Object.assign(new Error(`${name} (os error)`), { name, code });
}

const conn = {
  remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 2 },
  localAddr: { transport: "tcp", hostname: "127.0.0.1", port: 1 },
} as unknown as DenoConn;

it("clients that were reset before they were accepted hold nothing up, and are not errors", async () => {
  const resets = [
    failure("NotConnected", "ENOTCONN"),
    failure("ConnectionReset", "ECONNRESET"),
    failure("ConnectionAborted", "ECONNABORTED"),
  ];
  const accepted: Transport[] = [], errors: Error[] = [];
  await listenDeno(denoThatAccepts(...resets, ...resets, conn), {}, {
    onConnection: (transport) => void accepted.push(transport),
    onError: (error) => void errors.push(error),
  });
  // All of it needs promises alone, and no time.
  for (let turn = 0; turn < 100; turn++) await undefined;
  assert.deepEqual([accepted.length, errors], [1, []]);
});

for (const code of ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]) {
  it(`${code}: the listener reports it, rests, and goes on`, { timeout: 60_000 }, async () => {
    const errors: Error[] = [], accepted = Promise.withResolvers<Transport>();
    await listenDeno(denoThatAccepts(failure("Error", code), conn), {}, {
      onConnection: accepted.resolve,
      onError: (error) => void errors.push(error),
    });
    let hasAccepted = false;
    void accepted.promise.then(() => hasAccepted = true);
    for (let turn = 0; turn < 100; turn++) await undefined;
    assert.equal(hasAccepted, false);
    await accepted.promise;
    assert.equal(errors.length, 1);
    assert.ok(errors[0] instanceof TransportError);
  });
}
