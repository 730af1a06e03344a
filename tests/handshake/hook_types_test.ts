/**
 * What TypeScript lets a hook return: `deno check` is the test. A line that should not compile has an
 * `@ts-expect-error`, which fails where it does.
 */
import { it } from "node:test";
import type { DenoUpgradeOptions } from "../../lib/adapters/deno.ts";
import type { NodeUpgradeOptions } from "../../lib/adapters/node/mod.ts";
import type { WebSocketConnection } from "../../mod.ts";
import { accept, type HandshakeHook, listen } from "../../lib/server/mod.ts";
import type { ByteStreamPair } from "../../mod.ts";

/** Takes a connection whose `data` is exactly of type `Data`. */
function same<Data>() {
  return <Actual>(
    _connection: Promise<WebSocketConnection<Actual>>,
    ..._exact: [Data] extends [Actual] ? [Actual] extends [Data] ? [] : [never] : [never]
  ): void => {};
}

/** Never called. */
export function types(yes: boolean, stream: ByteStreamPair): unknown {
  const websocket = {};

  // What may be returned, and the type of `data` that is inferred from it.
  listen({ handshake: () => {}, websocket });
  listen({ handshake: () => undefined, websocket });
  listen({ handshake: async () => {}, websocket });
  listen({ handshake: () => new Response(), websocket });
  listen({ handshake: () => ({}), websocket });
  listen({ handshake: () => ({ headers: { "set-cookie": "a=b" }, protocol: "a" }), websocket });
  listen({
    handshake: () => ({ data: { user: 7 } }),
    websocket: (connection) => void (connection.data.user satisfies number),
  });
  listen({
    handshake: async (request) => {
      const user = await Promise.resolve(request.headers.get("x-user"));
      return user === null ? new Response(null, { status: 401 }) : { data: { user } };
    },
    websocket: { open: ({ data }) => void (data.user satisfies string) },
  });
  listen({
    handshake: () => yes ? { data: 7, protocol: "a" } : { data: 8, headers: { a: "b" } },
    websocket: ({ data }) => void (data satisfies number),
  });
  listen<{ user: number } | undefined>({
    handshake: () => yes ? { data: { user: 7 } } : undefined,
    websocket: ({ data }) => void (data?.user satisfies number | undefined),
  });
  const accepted = accept(stream, { handshake: () => ({ data: 7 }) });
  accepted satisfies Promise<WebSocketConnection<number>>;
  const hook: HandshakeHook<string> = () => ({ data: "text" });
  ({ handshake: hook, websocket }) satisfies DenoUpgradeOptions<string>;
  ({ handshake: hook }) satisfies NodeUpgradeOptions<string>;

  // A path that accepts and returns nothing, or no data, makes `data` possibly undefined.
  const user = (request: Request): { user: string } => ({ user: request.url });
  listen({
    handshake: (request) => yes ? { data: user(request) } : undefined,
    // @ts-expect-error `data` is possibly undefined.
    websocket: ({ data }) => void data.user,
  });
  listen({
    handshake(request) {
      if (yes) return { data: user(request) };
      return undefined;
    },
    websocket: ({ data }) => void (data satisfies { user: string } | undefined),
  });
  listen({
    async handshake(request) {
      if (await Promise.resolve(yes)) return { data: user(request) };
      return request.url === "" ? new Response() : { protocol: "a" };
    },
    // @ts-expect-error `data` is possibly undefined.
    websocket: { message: ({ data }) => void data.user },
  });
  same<undefined>()(accept(stream, { handshake: () => yes ? new Response() : undefined }));
  same<number | undefined>()(accept(stream, { handshake: () => yes ? { data: 7 } : {} }));
  same<number | string>()(accept(stream, { handshake: () => yes ? { data: 7 } : { data: "a" } }));

  // Where the hook stands changes nothing, but for what a handler before it can know of `data`.
  same<{ user: string }>()(accept(stream, {
    websocket: (connection) => connection.close(),
    handshake: (request) => ({ data: user(request) }),
  }));
  listen({
    websocket: ({ data }) => void (data satisfies { user: string }),
    handshake: () => ({ data: { user: "a" } }),
  });
  listen({
    // @ts-expect-error `data` is unknown before a hook with a parameter, and never a wrong type.
    websocket: ({ data }) => void data.user,
    handshake: (request) => ({ data: user(request) }),
  });
  listen({
    handshake: (request) => ({ data: user(request) }),
    websocket: { message: ({ data }, message) => void [data.user, message.type] },
    messages: "stream",
  });
  const all = new Set<WebSocketConnection<unknown>>();
  listen({
    handshake: (request) => ({ data: user(request) }),
    websocket: (connection) => void all.add(connection),
  });
  const generic = <Data>(options: NodeUpgradeOptions<Data>): void =>
    void accept<Data>(stream, options) satisfies void;

  // An object that looks like a refusal, and is not one.
  // @ts-expect-error A decision has no status.
  listen({ handshake: () => ({ status: 401 }), websocket });
  // @ts-expect-error A decision has no status, in one branch of two.
  listen({ handshake: () => yes ? { data: 1 } : { status: 401 }, websocket });
  // @ts-expect-error The same, later.
  // deno-lint-ignore require-await
  listen({ handshake: async () => yes ? { data: 1 } : { status: 401 }, websocket });
  // @ts-expect-error The same, by two returns.
  listen({ handshake: () => yes ? { data: 1 } : { error: "no" }, websocket });
  listen({
    // @ts-expect-error The same, by two returns.
    handshake() {
      if (yes) return { statusCode: 401, body: "no" };
      return { data: 1 };
    },
    websocket,
  });
  // @ts-expect-error An Error does not refuse.
  listen({ handshake: () => new Error("no"), websocket });
  // @ts-expect-error An Error does not refuse, in one branch of two.
  listen({ handshake: () => yes ? { data: 1 } : new Error("no"), websocket });
  // @ts-expect-error An array is no decision.
  listen({ handshake: () => [7], websocket });
  // @ts-expect-error An array is no decision, in one branch of two.
  listen({ handshake: () => yes ? { data: 1 } : [], websocket });
  // @ts-expect-error A primitive value is no decision.
  listen({ handshake: () => 401, websocket });
  // @ts-expect-error `false` does not refuse.
  listen({ handshake: () => yes, websocket });
  // @ts-expect-error Null is no decision.
  listen({ handshake: () => null, websocket });
  // @ts-expect-error A mistyped key.
  listen({ handshake: () => yes ? { data: 1 } : { protocols: "a" }, websocket });
  // @ts-expect-error The same for accept.
  accept(stream, { handshake: () => yes ? { data: 1 } : { status: 401 } });
  const mixed = () => yes ? { data: 1 } : { status: 401 };
  // @ts-expect-error The same for an adapter.
  ({ handshake: mixed, websocket }) satisfies DenoUpgradeOptions<number>;
  return generic;
}

it("the types of a hook compile", () => {});
