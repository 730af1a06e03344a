/** As much of Bun as the examples use, so that they can be checked without `@types/bun`. */
declare namespace Bun {
  type Server = import("../lib/adapters/bun/mod.ts").BunServerLike & {
    readonly port: number;
    stop(closeActiveConnections?: boolean): Promise<void>;
  };
  type Answer = Response | undefined | Promise<Response | undefined>;
  type Handler = (request: Request, server: Server) => Answer;

  function serve(options: {
    port: number;
    routes?: Record<string, Handler | Response>;
    fetch?(request: Request, server: Server): Answer;
    websocket: import("../lib/adapters/bun/mod.ts").BunWebSocket;
  }): Server;
  function file(path: URL): Blob;
}
