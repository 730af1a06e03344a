/** How much memory code asks for, whatever a collector of garbage makes of it. */

/** The sizes of the arrays of bytes that `work` makes: `new Uint8Array(size)` and nothing else. */
export function sizesAskedFor(work: () => void): number[] {
  const sizes: number[] = [];
  const original = globalThis.Uint8Array;
  globalThis.Uint8Array = new Proxy(original, {
    construct(target, args, self): Uint8Array {
      if (typeof args[0] === "number") sizes.push(args[0]);
      return Reflect.construct(target, args, self);
    },
  });
  try {
    work();
  } finally {
    globalThis.Uint8Array = original;
  }
  return sizes;
}

/** Their sum. */
export function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}
