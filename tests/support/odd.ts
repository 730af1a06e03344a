/** Values that user code can throw, return or reject with, though nothing can be made of them. */

function fail(): never {
  throw new Error("a trap");
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** An error that cannot be read. */
class Unreadable extends Error {
  override get message(): string {
    return fail();
  }
  override get name(): string {
    return fail();
  }
  override get stack(): string {
    return fail();
  }
}

/** Creates one value of each kind, with its name. None is an Error but the last two. */
export function oddValues(): [name: string, value: unknown][] {
  return [
    ["undefined", undefined],
    ["null", null],
    ["a symbol", Symbol("odd")],
    ["an object without a prototype", Object.create(null)],
    ["an object whose toString throws", { toString: fail }],
    ["an object whose Symbol.toPrimitive throws", { [Symbol.toPrimitive]: fail }],
    [
      "an object whose members throw",
      Object.defineProperty({}, "message", { enumerable: true, get: fail }),
    ],
    ["an object that looks like an error", { name: "HandshakeError", status: 101, message: 7 }],
    ["an object that the console fails on", {
      [Symbol.for("nodejs.util.inspect.custom")]: fail,
      [Symbol.for("Deno.customInspect")]: fail,
    }],
    [
      "a proxy whose traps throw",
      new Proxy({}, { get: fail, has: fail, getPrototypeOf: fail, ownKeys: fail }),
    ],
    ["a revoked proxy", revoked()],
    ["an error that cannot be read", new Unreadable()],
    ["an error whose cause is a revoked proxy", new Error("odd", { cause: revoked() })],
  ];
}
