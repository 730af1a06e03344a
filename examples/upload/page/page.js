import { formatSize, make, Row } from "./row.js";
import { chooseTarget, removeOldTargets } from "./target.js";
import { download, upload } from "./transfer.js";

const find = (id) => document.getElementById(id);
const input = find("input");
const drop = find("drop");

/** How many transfers are under way, or wait. */
let busy = 0;
/** Files are sent one after the other: this is the last one's turn. */
let turn = Promise.resolve();

/** Shows a transfer while it lasts; `work(row)` resolves with what `row.done` is to be told. */
async function show(name, verb, work) {
  const row = new Row(name, verb);
  find("transfers").append(row.element);
  row.element.scrollIntoView({ block: "nearest" });
  busy++;
  try {
    row.done(...await work(row));
  } catch (error) {
    row.failed(error);
  }
  busy--;
}

function send(file) {
  const before = turn;
  const own = show(file.name, "Upload", async (row) => {
    await Promise.race([before, aborted(row.signal)]);
    row.progress(0, file.size);
    const { name, size } = await upload(file, {
      signal: row.signal,
      progress: (stored) => row.progress(stored, file.size),
    });
    await showFiles();
    return [name === file.name ? "Stored" : `Stored as ${name}`, size];
  });
  turn = Promise.all([before, own]);
}

function get({ name, size }) {
  // The question where to must follow the click at once, before anything is waited for.
  const choice = chooseTarget(name);
  return show(name, "Download", async (row) => {
    const target = await choice;
    if (target === undefined) throw new Error("Cancelled");
    row.progress(0, size);
    try {
      await download(name, target.writable, {
        signal: row.signal,
        progress: (stored, all) => row.progress(stored, all),
      });
    } catch (error) {
      await target.writable.abort().catch(() => {}); // what was written goes
      throw error;
    }
    const link = await target.link();
    return [link === undefined ? "Saved" : "Complete: save it where you like", size, link];
  });
}

function aborted(signal) {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

async function showFiles() {
  try {
    const files = await (await fetch("/files")).json();
    find("files").replaceChildren(...files.map(makeLine));
    find("none").hidden = files.length > 0;
    find("trouble").hidden = true;
  } catch {
    find("trouble").hidden = false;
  }
}

function makeLine(file) {
  const button = make("button", { type: "button", textContent: "Download" });
  button.ariaLabel = `Download ${file.name}`;
  button.addEventListener("click", () => get(file));
  const { name, size, modified } = file;
  const when = new Date(modified).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  return make(
    "li",
    {},
    make("span", { className: "name", textContent: name, title: name }),
    make("span", { className: "about", textContent: `${formatSize(size)} · ${when}` }),
    button,
  );
}

/* What the person does. */

input.addEventListener("change", () => {
  for (const file of input.files) send(file);
  input.value = ""; // so that the same file can be chosen again
});

addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});

addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) drop.classList.remove("over");
});

addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  for (const file of event.dataTransfer.files) send(file);
});

// Whoever leaves loses what is under way.
addEventListener("beforeunload", (event) => {
  if (busy > 0) event.preventDefault();
});

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) showFiles();
});

removeOldTargets();
showFiles();
