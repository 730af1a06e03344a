/**
 * A listening socket that is replaced for a new certificate, on a runtime that refuses: what cannot be
 * tried with a real one.
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { TransportError } from "../../lib/errors.ts";
import { listenBun } from "../../lib/transport/bun.ts";
import type { BunLike, BunListener } from "../../lib/transport/bun_api.ts";
import { listenDeno } from "../../lib/transport/deno.ts";
import type { DenoConn, DenoLike, DenoListener } from "../../lib/transport/deno_api.ts";
import { cert, key, renewed } from "../certificates/mod.ts";

const tls = { cert, key };
const sink = { onConnection(): void {}, onError(): void {} };

/** What was listened with, and what of it is still open; `refuse` makes `listen` throw. */
class Sockets {
  readonly certs: string[] = [];
  open = 0;
  refuse: (cert: string) => boolean = () => false;

  add(cert: string): void {
    this.certs.push(cert);
    if (this.refuse(cert)) throw Object.assign(new Error("in use"), { code: "EADDRINUSE" });
    this.open++;
  }
}

function denoWith(sockets: Sockets): DenoLike {
  const fail = (): never => assert.fail("not called");
  return {
    listen: fail,
    connect: fail,
    connectTls: fail,
    startTls: fail,
    listenTls(options): DenoListener {
      sockets.add(options.cert);
      const accepting = Promise.withResolvers<DenoConn>();
      return {
        addr: { hostname: "127.0.0.1", port: 4711 },
        accept: () => accepting.promise,
        close(): void {
          sockets.open--;
          accepting.reject(new Error("closed"));
        },
      };
    },
  };
}

function bunWith(sockets: Sockets): BunLike {
  return {
    connect: () => assert.fail("not called"),
    listen(options): BunListener {
      sockets.add(options.tls?.cert ?? "");
      return { hostname: "127.0.0.1", port: 4711, stop: () => void sockets.open-- };
    },
  };
}

for (
  const [name, listen] of [
    ["Deno", (sockets: Sockets) => listenDeno(denoWith(sockets), { tls }, sink)],
    ["Bun", (sockets: Sockets) => listenBun(bunWith(sockets), { tls }, sink)],
  ] as const
) {
  describe(`a listening socket of ${name} that is replaced`, () => {
    it("is replaced by one with the new certificate", async () => {
      const sockets = new Sockets();
      const listener = await listen(sockets);
      await listener.updateTls!(renewed);
      assert.deepEqual([sockets.certs, sockets.open], [[cert, renewed.cert], 1]);
      assert.equal(listener.address.port, 4711);
      await listener.close();
      assert.equal(sockets.open, 0);
    });

    it("is had again with the old certificate if the new one is refused", async () => {
      const sockets = new Sockets();
      const listener = await listen(sockets);
      sockets.refuse = (text) => text === renewed.cert;
      await assert.rejects(listener.updateTls!(renewed), (error) => {
        assert.ok(error instanceof TransportError);
        assert.match(error.message, /^Cannot update TLS: .*; the old ones remain in use$/);
        return true;
      });
      assert.deepEqual([sockets.certs, sockets.open], [[cert, renewed.cert, cert], 1]);
      await listener.close();
      assert.equal(sockets.open, 0);
    });

    it("says so if the port cannot be had again, and another update tries once more", async () => {
      const sockets = new Sockets();
      const listener = await listen(sockets);
      sockets.refuse = () => true;
      await assert.rejects(listener.updateTls!(renewed), {
        name: "TransportError",
        code: "ADDRESS_IN_USE",
        message: /^Cannot listen on 0\.0\.0\.0:4711: the port is in use/,
      });
      assert.equal(sockets.open, 0);
      sockets.refuse = () => false;
      await listener.updateTls!(renewed);
      assert.deepEqual([sockets.certs.at(-1), sockets.open], [renewed.cert, 1]);
      await listener.close();
      assert.equal(sockets.open, 0);
    });

    it("is closed once, also after the port was lost, and is not had again after close", async () => {
      const sockets = new Sockets();
      const listener = await listen(sockets);
      sockets.refuse = () => true;
      await assert.rejects(listener.updateTls!(renewed), TransportError);
      await listener.close();
      sockets.refuse = () => false;
      await listener.updateTls!(renewed);
      assert.equal(sockets.open, 0);
      const other = await listen(sockets);
      const updating = other.updateTls!(renewed);
      await other.close();
      await updating;
      assert.equal(sockets.open, 0);
    });
  });
}
