/** How many round trips a curve shows. */
const SAMPLES = 60;
const WIDTH = 216;
const HEIGHT = 28;
/** The top of the curves is at least so many milliseconds. */
const LEAST_TOP = 2;

const still = matchMedia("(prefers-reduced-motion: reduce)");

/** A name's own colour, the same on every page. */
export function hueOf(name) {
  let hash = 2166136261;
  for (const character of name) hash = Math.imul(hash ^ character.codePointAt(0), 16777619) >>> 0;
  // Few bits of the hash differ between short names: spread them around the circle.
  return Math.round((hash * 137.508) % 360);
}

/** The round picture of somebody: the initials on their colour. */
export function makeAvatar(name) {
  const avatar = makeElement("span", "avatar");
  const words = name.split(" ").slice(0, 2);
  avatar.textContent = words.map((word) => [...word][0]).join("").toUpperCase();
  avatar.style.setProperty("--hue", hueOf(name));
  avatar.ariaHidden = "true";
  return avatar;
}

/** An element with a class and a text. The text is never HTML, whoever wrote it. */
export function makeElement(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** The list of who is here, each with the live curve of their round trips. */
export class People {
  #list;
  #count;
  #people = new Map();

  constructor(list, count) {
    this.#list = list;
    this.#count = count;
  }

  /** Begins anew; who was there before keeps their curve. */
  reset(names, you) {
    const before = this.#people;
    this.#people = new Map();
    this.#list.replaceChildren();
    for (const name of [you, ...names.filter((name) => name !== you)]) {
      this.add(name, { you: name === you, samples: before.get(name)?.samples });
    }
  }

  add(name, { you = false, samples = [] } = {}) {
    const item = makeElement("li", "");
    item.style.setProperty("--hue", hueOf(name));
    const label = makeElement("span", "name", name);
    label.title = name;
    if (you) label.append(makeElement("span", "you", " (you)"));
    const time = makeElement("span", "time", "…");
    const curve = new Curve();
    item.append(makeAvatar(name), label, time, curve.element);
    this.#list.append(item);
    this.#people.set(name, { item, time, curve, samples });
    this.#counted();
  }

  remove(name) {
    this.#people.get(name)?.item.remove();
    this.#people.delete(name);
    this.#counted();
  }

  /** New figures, in milliseconds. All curves have the same scale, so that they compare. */
  show(roundTrips) {
    for (const [name, milliseconds] of roundTrips) {
      const person = this.#people.get(name);
      if (person === undefined) continue;
      person.samples.push(milliseconds);
      if (person.samples.length > SAMPLES) person.samples.shift();
      person.time.textContent = timeText(milliseconds);
    }
    let top = LEAST_TOP;
    for (const { samples } of this.#people.values()) top = Math.max(top, ...samples);
    for (const { curve, samples } of this.#people.values()) curve.draw(samples, top);
  }

  #counted() {
    this.#count.textContent = this.#people.size;
  }
}

function timeText(milliseconds) {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}

/** A curve that moves to the left as figures come. */
class Curve {
  element = makeShape("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    // Where there is less room, the older part is cut off.
    preserveAspectRatio: "xMaxYMid slice",
    "aria-hidden": "true",
  });
  #moving = makeShape("g");
  #area = makeShape("path", { class: "area" });
  #curve = makeShape("path", { class: "curve" });
  #newest = makeShape("circle", { class: "newest", r: 2.5 });

  constructor() {
    this.#moving.append(this.#area, this.#curve);
    this.element.append(this.#moving, this.#newest);
    this.#newest.setAttribute("visibility", "hidden");
  }

  draw(samples, top) {
    if (samples.length === 0) return;
    const right = WIDTH - 4;
    const step = right / (SAMPLES - 2);
    // The square root lets small figures be seen beside a large one.
    const points = samples.map((sample, i) => {
      const x = right - (samples.length - 1 - i) * step;
      const y = HEIGHT - 3 - Math.sqrt(sample / top) * (HEIGHT - 6);
      return [x.toFixed(1), y.toFixed(1)];
    });
    const line = points.join("L");
    this.#curve.setAttribute("d", `M${line}`);
    this.#area.setAttribute("d", `M${points[0][0]},${HEIGHT}L${line}L${right},${HEIGHT}Z`);
    this.#newest.setAttribute("cx", right);
    this.#newest.setAttribute("cy", points.at(-1)[1]);
    this.#newest.setAttribute("visibility", "visible");
    if (still.matches || document.hidden) return;
    this.#moving.animate(
      [{ transform: `translateX(${step}px)` }, { transform: "none" }],
      { duration: 400, easing: "ease-out" },
    );
  }
}

function makeShape(tag, attributes = {}) {
  const shape = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
  return shape;
}
