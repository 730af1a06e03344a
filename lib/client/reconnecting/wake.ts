/**
 * What a page is told when the network may be there again.
 *
 * @module
 */

/** Calls back when the browser is online again, or the page becomes visible; returns what ends that. */
export function onWake(wake: () => void): () => void {
  const page = globalThis as unknown as EventTarget & {
    readonly document?: EventTarget & { readonly visibilityState: string };
  };
  const listeners: [EventTarget | undefined, string, () => void][] = [
    [page, "online", wake],
    [
      page.document,
      "visibilitychange",
      () => page.document?.visibilityState === "visible" && wake(),
    ],
  ];
  // A runtime that is no browser may have neither.
  const present = listeners.filter(([target]) => typeof target?.addEventListener === "function");
  for (const [target, type, listener] of present) target!.addEventListener(type, listener);
  return () => {
    for (const [target, type, listener] of present) target!.removeEventListener(type, listener);
  };
}
