/* What the tests run in the page itself: it is evaluated there, once the page is loaded. */

/** What each of the page's progress bars showed, one value after the other. */
globalThis.shown = [];
/** The most that waited in the browser to be sent, and the most that came and was not confirmed. */
globalThis.mostBuffered = 0;
globalThis.mostUnconfirmed = 0;

new MutationObserver((records) => {
  for (const { target } of records) {
    if (target.localName !== "progress") continue;
    const bars = [...document.querySelectorAll("progress")];
    const values = shown[bars.indexOf(target)] ??= [];
    if (values.at(-1) !== target.value) values.push(target.value);
  }
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["value"] });

globalThis.WebSocket = class extends WebSocket {
  #came = 0;

  constructor(url) {
    super(url);
    this.addEventListener("message", ({ data }) => this.#came += data.byteLength ?? 0);
  }

  send(data) {
    super.send(data);
    mostBuffered = Math.max(mostBuffered, this.bufferedAmount);
    const word = typeof data === "string" ? JSON.parse(data) : {};
    if (word.type === "stored") mostUnconfirmed = Math.max(mostUnconfirmed, this.#came - word.size);
  }
};

// Nobody is there to answer its question.
globalThis.showSaveFilePicker = undefined;

/** As if somebody answered: it gives a file of the page's own part of the disk. */
globalThis.answerPicker = () => {
  globalThis.showSaveFilePicker = async ({ suggestedName }) => {
    const folder = await navigator.storage.getDirectory();
    return await folder.getFileHandle(`chosen ${suggestedName}`, { create: true });
  };
};

/** What there is in the page's own part of the disk. */
globalThis.readFiles = async () => {
  const files = [];
  for await (const [name, handle] of await navigator.storage.getDirectory()) {
    const file = await handle.getFile();
    const start = new Uint32Array(await file.slice(0, 8).arrayBuffer());
    files.push({ name, size: file.size, start: [...start] });
  }
  return files;
};

/** A mebibyte that is no other's: the same as makeBlock of upload_support.ts. */
function makeBlock(number) {
  const words = new Uint32Array(1 << 18);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul((number << 18) + i, 0x9e3779b1);
  return words;
}

/** Chooses a file of so many mebibytes: different ones, or many times the same. */
globalThis.choose = (name, count, same = false) => {
  // Blobs are the browser's, on disk if they are large: they are not in the page's memory.
  const first = new Blob([makeBlock(0)]);
  const blobs = Array.from({ length: count }, (_, i) => same ? first : new Blob([makeBlock(i)]));
  const data = new DataTransfer();
  data.items.add(new File(blobs, name));
  const input = document.getElementById("input");
  input.files = data.files;
  input.dispatchEvent(new Event("change"));
};
