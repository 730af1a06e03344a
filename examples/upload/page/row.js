const MIB = 1024 * 1024;

/** A size to be read: "12.3 MiB". */
export function formatSize(
  size,
  unit = size < MIB / 10 ? "KiB" : size < 1024 * MIB ? "MiB" : "GiB",
) {
  const digits = unit === "GiB" ? 2 : 1;
  const figure = size / { KiB: 1024, MiB: MIB, GiB: 1024 * MIB }[unit];
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return `${figure.toLocaleString("en", options)} ${unit}`;
}

/** An element with these properties and children. */
export function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** How fast it was in the last seconds: older ones count less and less. */
class Rate {
  #rate;
  #done = 0;
  #at = performance.now();

  /** So much is done by now: gives bytes a second, or undefined before that can be told. */
  update(done) {
    const now = performance.now();
    const seconds = (now - this.#at) / 1000;
    if (seconds < 0.25) return this.#rate; // too short to tell
    const newest = (done - this.#done) / seconds;
    const weight = this.#rate === undefined ? 1 : 1 - Math.exp(-seconds / 2);
    this.#rate = (this.#rate ?? 0) * (1 - weight) + newest * weight;
    this.#done = done;
    this.#at = now;
    return this.#rate;
  }
}

/** A file on its way, as the page shows it. */
export class Row {
  /** The element. */
  element;
  /** Aborted by the Cancel button. */
  signal;
  #name;
  #progress;
  #figures;
  #cancel;
  #rate;
  #from;

  constructor(name, verb) {
    const controller = new AbortController();
    this.signal = controller.signal;
    this.#name = make("span", { className: "name", textContent: name, title: name });
    this.#progress = make("progress", { max: 100, value: 0, ariaLabel: `${verb} ${name}` });
    this.#figures = make("p", { className: "figures", textContent: "Waiting…" });
    this.#cancel = make("button", { type: "button", textContent: "Cancel" });
    this.#cancel.addEventListener("click", () => controller.abort(new Error("Cancelled")));
    this.element = make(
      "li",
      { className: "row" },
      make("span", { className: "verb", textContent: verb }),
      this.#name,
      this.#cancel,
      this.#progress,
      this.#figures,
    );
    this.element.dataset.state = "waiting";
  }

  /** It is under way: so much of it is done. */
  progress(done, size) {
    if (this.element.dataset.state === "waiting") {
      this.element.dataset.state = "busy";
      this.#rate = new Rate();
      this.#from = performance.now();
    }
    this.#progress.value = size === 0 ? 100 : done / size * 100;
    const rate = this.#rate.update(done);
    const parts = [`${formatSize(done, "MiB").replace(" MiB", "")} of ${formatSize(size, "MiB")}`];
    if (rate > 0) parts.push(`${formatSize(rate, "MiB")}/s`, formatTime((size - done) / rate));
    this.#figures.textContent = parts.join(" · ");
  }

  /** It is complete. */
  done(text, size, link) {
    const seconds = (performance.now() - this.#from) / 1000;
    const rate = `${formatSize(size / Math.max(seconds, 0.001), "MiB")}/s`;
    this.#progress.value = 100;
    this.#end("done", `${text} · ${formatSize(size)} · ${rate}`);
    if (link === undefined) return;
    const name = this.#name.textContent;
    const save = make("a", { href: link, download: name, textContent: "Save" });
    this.element.insertBefore(save, this.#progress);
  }

  /** It will not be complete. */
  failed(error) {
    this.#end("failed", error.message);
  }

  #end(state, text) {
    this.element.dataset.state = state;
    this.#figures.textContent = text;
    this.#figures.role = "status";
    this.#cancel.remove();
  }
}

function formatTime(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} s left`;
  if (seconds < 5400) return `${Math.ceil(seconds / 60)} min left`;
  return `${(seconds / 3600).toFixed(1)} h left`;
}
