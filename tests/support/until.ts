/** Waiting for something that no event reports. */

/** How long to wait, in milliseconds: what has not happened by then never will, on the slowest machine. */
const PATIENCE = 60_000;

/** Waits until `condition` holds; rejects with `what` when it never does. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (!await condition()) {
    if (performance.now() > end) throw new Error(`Never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
