/*
 * Where a file goes that the page gets. A page that gathered it to a Blob would hold it in memory; so
 * it is written to disk as it comes: to a file that the user chooses, where the browser can do that
 * (Chrome, Edge), and otherwise to one in the page's own part of the disk (the Origin Private File
 * System), of which the user may save a copy when it is complete.
 */

/**
 * Asks where to, and gives `{ writable, link }`: `link()` resolves with an address to save the file
 * from, or with nothing if it is where it belongs already. Undefined if the user did not want to.
 * To be called while a click is being handled: browsers show the question only then.
 */
export async function chooseTarget(name) {
  if (!isSecureContext) {
    throw new Error("Browsers write files only for https: pages, and for http://localhost");
  }
  if (globalThis.showSaveFilePicker === undefined) return await makeTarget();
  try {
    const handle = await globalThis.showSaveFilePicker({ suggestedName: name });
    return { writable: await handle.createWritable(), link: () => undefined };
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
}

async function makeTarget() {
  const folder = await navigator.storage.getDirectory();
  const key = crypto.randomUUID();
  await holdLock(key);
  const handle = await folder.getFileHandle(key, { create: true });
  if (handle.createWritable === undefined) {
    await folder.removeEntry(key);
    throw new Error("This browser cannot write a file piece by piece");
  }
  return {
    writable: await handle.createWritable(),
    // A file on disk: the address makes nobody read it into memory.
    link: async () => URL.createObjectURL(await handle.getFile()),
  };
}

/** Until this page is gone: then its files may go, too. */
function holdLock(key) {
  return new Promise((resolve) => {
    navigator.locks.request(key, () => {
      resolve();
      return new Promise(() => {});
    });
  });
}

/** Removes the files of pages that are gone. */
export async function removeOldTargets() {
  const folder = await navigator.storage?.getDirectory();
  for await (const key of folder?.keys() ?? []) {
    await navigator.locks.request(key, { ifAvailable: true }, async (lock) => {
      if (lock !== null) await folder.removeEntry(key).catch(() => {});
    });
  }
}
