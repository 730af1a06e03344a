/** Libraries that keep documents of Yjs alike over our WebSocket class, with their own real servers. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import type { WebSocketLike } from "@hocuspocus/server";
import { until } from "../../support/until.ts";
import { serve, testLibraries, WebSocket } from "./support.ts";

// The server of y-websocket is CommonJS: so are all the others, for there must be one Yjs alone.
const require = createRequire(import.meta.url);
const Y = require("yjs") as typeof import("yjs");

type Doc = InstanceType<typeof Y.Doc>;

/** A socket of the package ws, as the server of Hocuspocus takes one. */
interface DocumentSocket extends WebSocketLike {
  on(type: "message" | "close", listener: (...given: unknown[]) => void): void;
}

/** Resolves once the text in a document is as wanted. */
function shows(doc: Doc, wanted: string): Promise<void> {
  const text = doc.getText("text");
  return new Promise((resolve) => {
    const look = (): void => {
      if (text.toString() !== wanted) return;
      text.unobserve(look);
      resolve();
    };
    text.observe(look);
    look();
  });
}

/** Writes into each of two documents, small and large, and waits until the other has it. */
async function synchronise(one: Doc, other: Doc): Promise<void> {
  one.getText("text").insert(0, "from one");
  await shows(other, "from one");
  other.getText("text").insert(0, "\u00fc ");
  await shows(one, "\u00fc from one");
  const long = "x".repeat(200_000);
  one.getText("text").insert(10, long);
  await shows(other, "\u00fc from one" + long);
}

testLibraries("libraries that synchronise documents, given our WebSocket class", {
  async "y-websocket"() {
    const { WebsocketProvider } = require("y-websocket") as typeof import("y-websocket");
    const { setupWSConnection, docs } = require("y-websocket/bin/utils") as {
      setupWSConnection(socket: unknown, request: unknown): void;
      docs: Map<string, Doc>;
    };
    await using served = await serve();
    served.sockets.on("connection", setupWSConnection);
    const open = async (): Promise<[Doc, InstanceType<typeof WebsocketProvider>]> => {
      const doc = new Y.Doc();
      const provider = new WebsocketProvider(`ws://${served.host}`, "room", doc, {
        WebSocketPolyfill: WebSocket as never,
        disableBc: true,
      });
      await new Promise<void>((resolve) => provider.on("sync", () => resolve()));
      return [doc, provider];
    };
    const [one, first] = await open();
    const [other, second] = await open();
    try {
      await synchronise(one, other);
      const states = new Promise<unknown[]>((resolve) => {
        second.awareness.on("change", () => {
          const states = [...second.awareness.getStates().values()];
          if (states.some((state) => "name" in state)) resolve(states);
        });
      });
      first.awareness.setLocalState({ name: "Ada" });
      assert.ok((await states).some((state) => (state as { name: string }).name === "Ada"));

      // What happens while it is away is made up for.
      second.disconnect();
      one.getText("text").delete(0, one.getText("text").length);
      second.connect();
      await shows(other, "");
    } finally {
      for (const provider of [first, second]) provider.destroy();
      for (const doc of [one, other, ...docs.values()]) doc.destroy();
      docs.clear();
    }
  },

  async "@hocuspocus/provider"() {
    const { HocuspocusProvider, HocuspocusProviderWebsocket } = require(
      "@hocuspocus/provider",
    ) as typeof import("@hocuspocus/provider");
    const { Hocuspocus } = require("@hocuspocus/server") as typeof import("@hocuspocus/server");
    await using served = await serve();
    // Its own listener is for Node alone; this is what stands behind it.
    const server = new Hocuspocus({
      quiet: true,
      onAuthenticate({ token }) {
        if (token !== "secret") return Promise.reject(new Error("wrong token"));
        return Promise.resolve();
      },
    });
    served.sockets.on("connection", (socket: DocumentSocket, { url }: { url: string }) => {
      const request = new Request(new URL(url, `http://${served.host}`));
      const connection = server.handleConnection(socket, request);
      socket.on("message", (data) => connection.handleMessage(new Uint8Array(data as Uint8Array)));
      socket.on("close", (code, reason) => {
        connection.handleClose({ code: Number(code), reason: String(reason) });
      });
    });
    const open = async (): Promise<[Doc, () => void]> => {
      const socket = new HocuspocusProviderWebsocket({
        url: `ws://${served.host}/`,
        WebSocketPolyfill: WebSocket,
      });
      const document = new Y.Doc();
      const synced = Promise.withResolvers<void>();
      const provider = new HocuspocusProvider({
        websocketProvider: socket,
        name: "room",
        token: "secret",
        document,
        onSynced: () => synced.resolve(),
        onAuthenticationFailed: ({ reason }) => synced.reject(new Error(reason)),
      });
      provider.attach();
      const close = (): void => {
        provider.destroy();
        socket.destroy();
        document.destroy();
      };
      await synced.promise;
      return [document, close];
    };
    const [one, closeOne] = await open();
    const [other, closeOther] = await open();
    try {
      await synchronise(one, other);
    } finally {
      closeOne();
      closeOther();
      await until("the server has no document", () => {
        server.flushPendingStores();
        return server.getDocumentsCount() === 0;
      });
    }
  },
});
