import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { Transport, TransportListenerSink } from "../../lib/link/transport.ts";
import { TransportError } from "../../lib/errors.ts";
import { connectTransport, listenTransport } from "../../lib/transport/runtime.ts";
import { ca, cert, key } from "../certificates/mod.ts";
import { nodeNet, own } from "./sockets.ts";
import { delay, End, pattern } from "./suite.ts";

const hostname = "127.0.0.1";

// What `listenNode` would meet on Deno, which listens on its own sockets, is Deno's node:net.
const onDeno = "Deno" in globalThis;

/** Listens, collects what connects, and closes all of it in the end. */
async function withListener(
  sockets: typeof own,
  speaks: "plain" | "TLS" | "anything",
  body: (port: number, accepted: () => Promise<End>) => Promise<void>,
): Promise<void> {
  const ends: End[] = [];
  const waiting: ((end: End) => void)[] = [];
  let taken = 0;
  const sink: TransportListenerSink = {
    onConnection(transport: Transport): void {
      const end = new End(transport);
      end.expectsPattern = speaks !== "anything";
      end.start();
      ends.push(end);
      waiting.shift()?.(end);
    },
    onError(error: Error): void {
      throw error;
    },
  };
  const tls = speaks === "TLS" ? { tls: { cert, key } } : {};
  const listener = await sockets.listen({ hostname, port: 0, ...tls }, sink);
  try {
    await body(listener.address.port, () => {
      const end = ends[taken++];
      if (end !== undefined) return Promise.resolve(end);
      return new Promise((resolve) => waiting.push(resolve));
    });
  } finally {
    for (const end of ends) end.drop();
    await listener.close();
    for (const end of ends) {
      await end.untilClosed();
      end.check();
    }
  }
}

/** Asserts that a promise rejects with a TransportError of that code and text. */
async function rejectsWith(promise: Promise<unknown>, code: string, text: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof TransportError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, text);
    return true;
  });
}

/** Keys that no certificate has, as PEM text: of the type of the test's own, and of another. */
function otherKeys(): string[] {
  const format = { type: "pkcs8", format: "pem" } as const;
  const { privateKey: ec } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { privateKey: rsa } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return [ec.export(format), rsa.export(format)] as string[];
}

/** A port of 127.0.0.1 where nothing listens. */
async function freePort(): Promise<number> {
  const listener = await own.listen({ hostname, port: 0 }, { onConnection() {}, onError() {} });
  await listener.close();
  return listener.address.port;
}

for (const sockets of [own, nodeNet]) {
  describe(`connecting and listening with ${sockets.name}`, () => {
    const options = { timeout: 60_000 };

    it("connect to a closed port is refused", options, async () => {
      const port = await freePort();
      await rejectsWith(
        sockets.connect({ hostname, port }),
        "CONNECTION_REFUSED",
        new RegExp(`^Cannot connect to 127\\.0\\.0\\.1:${port}: connection refused`),
      );
    });

    it("connect to a path without a socket is refused", options, async () => {
      await rejectsWith(
        sockets.connect({ path: "/nonexistent/sluice.sock" }),
        "CONNECTION_REFUSED",
        /^Cannot connect to \/nonexistent\/sluice\.sock: connection refused/,
      );
    });

    it("connect to a name that does not exist says so", options, async () => {
      await rejectsWith(
        sockets.connect({ hostname: "nonexistent.invalid", port: 80 }),
        "NAME_NOT_RESOLVED",
        /^Cannot connect to nonexistent\.invalid:80: the name was not resolved/,
      );
    });

    it("listen on a port in use says so", options, async () => {
      await withListener(sockets, "plain", async (port) => {
        await rejectsWith(
          sockets.listen({ hostname, port }, { onConnection() {}, onError() {} }),
          "ADDRESS_IN_USE",
          new RegExp(
            `^Cannot listen on 127\\.0\\.0\\.1:${port}: the port is in use; ` +
              `choose another or pass port: 0$`,
          ),
        );
      });
    });

    const skip = onDeno && sockets === nodeNet;
    it("listen on an address of another machine says so", { skip, ...options }, async () => {
      await rejectsWith(
        sockets.listen({ hostname: "192.0.2.1", port: 0 }, { onConnection() {}, onError() {} }),
        "ADDRESS_NOT_AVAILABLE",
        /^Cannot listen on 192\.0\.2\.1:0: the address is not one of this machine's/,
      );
    });

    it(
      "listen on a path in a folder that does not exist says so",
      { skip, ...options },
      async () => {
        for (const path of ["/nonexistent/sluice.sock", `${import.meta.filename}/sluice.sock`]) {
          await rejectsWith(
            sockets.listen({ path }, { onConnection() {}, onError() {} }),
            "ADDRESS_NOT_AVAILABLE",
            /^Cannot listen on \/.*\/sluice\.sock: its folder is missing; create the folder, or/,
          );
        }
      },
    );

    it("listen on a name that does not exist says so", { skip, ...options }, async () => {
      for (const secured of [undefined, { cert, key }]) {
        await rejectsWith(
          sockets.listen(
            { hostname: "nonexistent.invalid", port: 0, tls: secured },
            { onConnection() {}, onError() {} },
          ),
          "NAME_NOT_RESOLVED",
          /^Cannot listen on nonexistent\.invalid:0: the name was not resolved/,
        );
      }
    });

    it("both ends of a Unix socket have its path as their address", options, async () => {
      const folder = await mkdtemp(join(tmpdir(), "sluice-"));
      const path = join(folder, "socket");
      const accepted = Promise.withResolvers<Transport>();
      const listener = await sockets.listen({ path }, {
        onConnection: accepted.resolve,
        onError: accepted.reject,
      });
      const client = await sockets.connect({ path });
      const server = await accepted.promise;
      const address = { transport: "unix", hostname: path, port: 0 };
      for (const { remoteAddress, localAddress } of [client, server]) {
        assert.deepEqual([remoteAddress, localAddress], [address, address]);
      }
      assert.deepEqual(listener.address, address);
      client.close();
      server.close();
      await listener.close();
      await rm(folder, { recursive: true });
    });

    it("listen with a key that cannot be read fails", { skip, ...options }, async () => {
      const key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
      await assert.rejects(
        sockets.listen({ hostname, port: 0, tls: { cert, key } }, {
          onConnection() {},
          onError() {},
        }),
        TransportError,
      );
    });

    it("listen with the key of another certificate fails", { skip, ...options }, async () => {
      for (const key of otherKeys()) {
        await assert.rejects(
          sockets.listen({ hostname, port: 0, tls: { cert, key } }, {
            onConnection() {},
            onError() {},
          }),
          TransportError,
        );
      }
    });

    it("a closed listener frees its port and leaves connections alone", options, async () => {
      const accepted = Promise.withResolvers<Transport>();
      const sink = { onConnection: accepted.resolve, onError() {} };
      const listener = await sockets.listen({ hostname, port: 0 }, sink);
      const { port } = listener.address;
      const client = new End(await sockets.connect({ hostname, port })).start();
      const server = new End(await accepted.promise).start();
      await listener.close();
      await listener.close();
      await rejectsWith(sockets.connect({ hostname, port }), "CONNECTION_REFUSED", /refused/);
      const again = await sockets.listen({ hostname, port }, { onConnection() {}, onError() {} });
      await again.close();
      client.write(pattern(0, 100));
      await server.until("100 bytes", () => server.received === 100);
      client.drop();
      server.drop();
      await Promise.all([client.untilClosed(), server.untilClosed()]);
    });

    it("a signal that has aborted rejects connect with its reason", options, async () => {
      await withListener(sockets, "plain", async (port) => {
        const reason = new Error("enough");
        const signal = AbortSignal.abort(reason);
        await assert.rejects(sockets.connect({ hostname, port, signal }), reason);
      });
    });

    it("a signal that aborts at once leaves nothing open", options, async () => {
      await withListener(sockets, "plain", async (port, accepted) => {
        const controller = new AbortController();
        const connecting = sockets.connect({ hostname, port, signal: controller.signal });
        const reason = new Error("enough");
        controller.abort(reason);
        await assert.rejects(connecting, reason);
        // The connection may have been made already; then it is ended.
        const end = await Promise.race([accepted(), delay(100)]);
        if (end !== undefined) await end.until("end", () => end.ended || end.closes > 0);
      });
    });

    it("a signal that aborts during the TLS handshake rejects and hangs up", options, async () => {
      // The handshake is never answered.
      await withListener(sockets, "anything", async (port, accepted) => {
        const controller = new AbortController();
        const { signal } = controller;
        const connecting = sockets.connect({ hostname, port, tls: {}, signal });
        connecting.catch(() => {});
        const end = await accepted();
        const reason = new Error("enough");
        controller.abort(reason);
        await assert.rejects(connecting, reason);
        // Deno closes a socket in the middle of a TLS handshake only when its peer says something.
        if (onDeno && sockets === own) end.drop();
        await end.until("end", () => end.ended || end.closes > 0);
      });
    });

    it("a certificate of an unknown authority is rejected", options, async () => {
      await withListener(sockets, "TLS", async (port, accepted) => {
        await rejectsWith(
          sockets.connect({ hostname, port, tls: {} }),
          "CERTIFICATE_REJECTED",
          /the certificate was rejected \(.+\).*tls\.caCerts/,
        );
        const end = await accepted();
        await end.until("end", () => end.ended || end.closes > 0);
        assert.equal(end.received, 0);
      });
    });

    it("a certificate for another name is rejected", options, async () => {
      await withListener(sockets, "TLS", async (port) => {
        await rejectsWith(
          sockets.connect({
            hostname,
            port,
            tls: { caCerts: [ca], serverName: "other.example" },
          }),
          "CERTIFICATE_REJECTED",
          /other\.example.*tls\.serverName/,
        );
      });
    });

    it("a certificate for serverName is accepted", options, async () => {
      await withListener(sockets, "TLS", async (port) => {
        for (const serverName of ["localhost", "127.0.0.1"]) {
          const client = new End(
            await sockets.connect({ hostname, port, tls: { caCerts: [ca], serverName } }),
          ).start();
          assert.equal(client.transport.secure, true);
          client.drop();
          await client.untilClosed();
        }
      });
    });

    it("a TLS client at a plain port is told that the handshake failed", options, async () => {
      await withListener(sockets, "anything", async (port, accepted) => {
        const connecting = sockets.connect({ hostname, port, tls: {} });
        const refused = rejectsWith(connecting, "TLS_FAILED", /the TLS handshake failed/);
        const end = await accepted();
        end.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
        await refused;
      });
    });

    it("a plain client at a TLS port ends in close(error) and nothing else", options, async () => {
      await withListener(sockets, "TLS", async (port, accepted) => {
        const client = await sockets.connect({ hostname, port });
        client.start({ onData() {}, onDrain() {}, onEnd() {}, onClose() {} });
        client.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        const end = await accepted();
        await end.untilClosed();
        assert.ok(end.error instanceof TransportError, String(end.error));
        assert.equal(end.error.code, "TLS_FAILED");
        assert.equal(end.ended, false);
        client.close();
      });
    });

    it("a client that hangs up in the TLS handshake ends in close(error)", options, async () => {
      await withListener(sockets, "TLS", async (port, accepted) => {
        const client = await sockets.connect({ hostname, port });
        const end = await accepted();
        client.close();
        await end.untilClosed();
        assert.ok(end.error instanceof TransportError, String(end.error));
        assert.equal(end.ended, false);
      });
    });

    it("a TLS handshake that never ends keeps no other waiting", options, async () => {
      await withListener(sockets, "TLS", async (port, accepted) => {
        const silent = await sockets.connect({ hostname, port });
        await accepted();
        const client = new End(
          await sockets.connect({ hostname, port, tls: { caCerts: [ca] } }),
        ).start();
        client.write(pattern(0, 10));
        const end = await accepted();
        await end.until("10 bytes", () => end.received === 10);
        silent.close();
        client.drop();
      });
    });
  });
}

describe("options of listenTransport and connectTransport", () => {
  const sink = { onConnection() {}, onError() {} };

  it("an invalid port is a RangeError", async () => {
    for (const port of [-1, 65_536, 1.5, NaN]) {
      await assert.rejects(listenTransport({ port }, sink), RangeError);
      await assert.rejects(connectTransport({ port }), RangeError);
    }
    await assert.rejects(listenTransport({ port: "65536" }, sink), RangeError);
  });

  it("a port may be a decimal string, as from the environment", async () => {
    const listener = await listenTransport({ hostname, port: "0" }, sink);
    const { port } = listener.address;
    assert.ok(port > 0);
    await listener.close();
    const again = await listenTransport({ hostname, port: `${port}` }, sink);
    assert.equal(again.address.port, port);
    await again.close();
  });

  it("a port that is another string or no number is a TypeError that shows it", async () => {
    const wrong: [unknown, string][] = [
      ["", 'the string ""'],
      ["http", 'the string "http"'],
      [" 80", 'the string " 80"'],
      ["80\n", 'the string "80\\n"'],
      ["-1", 'the string "-1"'],
      ["1e3", 'the string "1e3"'],
      ["0x50", 'the string "0x50"'],
      [null, "null"],
      [80n, "bigint"],
      [[80], "Array"],
    ];
    for (const [port, shown] of wrong) {
      await assert.rejects(listenTransport({ port: port as number }, sink), {
        name: "TypeError",
        message: `Cannot listen: port must be a whole number from 0 to 65535, got ${shown}`,
      });
    }
  });

  it("an IPv6 address may be in brackets, as in a URL", async (t) => {
    const listener = await listenTransport({ hostname: "[::1]", port: 0 }, sink).catch((error) => {
      if (error instanceof TransportError && error.code === "ADDRESS_NOT_AVAILABLE") {
        return undefined;
      }
      throw error;
    });
    if (listener === undefined) return t.skip("this machine has no ::1");
    assert.equal(listener.address.hostname, "::1");
    const { port } = listener.address;
    for (const hostname of ["[::1]", "::1"]) {
      (await connectTransport({ hostname, port })).close();
    }
    await listener.close();
  });

  it("a hostname or a path that is no name is a TypeError that names it", async () => {
    for (const wrong of ["", 5, null, {}]) {
      for (const name of ["hostname", "path"]) {
        const options = { [name]: wrong } as object;
        const error = { name: "TypeError", message: new RegExp(`^Cannot \\w+: ${name} must be`) };
        await assert.rejects(listenTransport(options, sink), error);
        await assert.rejects(connectTransport(options), error);
      }
    }
  });

  it("path excludes port, hostname and tls", async () => {
    await assert.rejects(listenTransport({ path: "/x", port: 1 }, sink), TypeError);
    await assert.rejects(listenTransport({ path: "/x", tls: { cert, key } }, sink), TypeError);
    await assert.rejects(connectTransport({ path: "/x", hostname }), TypeError);
    await assert.rejects(connectTransport({ path: "/x", tls: {} }), TypeError);
  });

  it("connect without port and path is a TypeError", async () => {
    await assert.rejects(connectTransport({ hostname }), TypeError);
  });
});
