import type { BenchmarkOptions } from "./options.ts";
import type { EchoEnvironment } from "./echo.ts";
export function runCodec(_o: BenchmarkOptions, _e: EchoEnvironment): Promise<unknown[]> {
  return Promise.resolve([]);
}
