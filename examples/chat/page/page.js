import { hueOf, makeAvatar, makeElement, People } from "./people.js";
import { StateLine } from "./state.js";
import { reconnecting } from "../../../lib/adapters/browser.ts";

/** The page forgets what is older than so many lines. */
const MAX_LINES = 500;
/** Who goes on within so many milliseconds is not named again. */
const SAME_BREATH = 5 * 60_000;
/** Who reads within so many pixels of the end follows what is new. */
const NEAR = 80;

const find = (id) => document.getElementById(id);
const log = find("log");
const composer = find("composer");
const field = find("text");
const dialog = find("join");
const nameField = find("name");
const roomField = find("where");
const people = new People(find("people"), find("count"));

const stateLine = new StateLine(find("state"));

/** A message that says that the link is alive: the server answers it. */
const PING = JSON.stringify({ type: "ping" }), PONG = JSON.stringify({ type: "pong" });

let chat;
/** The name that the server gave: "Ann 2", where there was an Ann. */
let you = "";
/** Whether it is the first welcome since joining. */
let arriving = true;
/** The messages shown, by id: after a reconnection the server tells the last ones again. */
let shown = new Set();
/** What was sent and has not come back yet, as everything that is said does. */
let pending = [];
let last;
/** Whether the end of the log is in sight, and to be kept there. */
let following = true;
let unread = 0;

const roomInAddress = () => {
  const [, start, room] = location.pathname.split("/");
  try {
    return start === "room" ? decodeURIComponent(room) : "";
  } catch {
    return "";
  }
};

/* Joining. */

function ask() {
  nameField.value ||= remembered();
  roomField.value = roomInAddress() || "lobby";
  dialog.showModal();
  (nameField.value === "" ? nameField : roomField).select();
}

function join(name, room) {
  remember(name);
  dialog.close();
  chat?.close();
  arriving = true;
  shown = new Set();
  pending = [];
  last = undefined;
  following = true;
  log.replaceChildren();
  people.reset([], name);
  find("room").textContent = `#${room}`;
  showTitle();
  const address = new URL("/chat", location.href.replace(/^http/, "ws"));
  address.searchParams.set("name", name);
  address.searchParams.set("room", room);
  const own = chat = reconnecting(address, {
    maxRetryDelay: 10_000,
    heartbeat: {
      message: PING,
      isAnswer: (data) => data === PONG,
      interval: 5_000,
      timeout: 5_000,
    },
    onState: (state) => own === chat && showState(state),
    onUnconfirmed: (messages) => own === chat && messages.forEach(showUnconfirmed),
  });
  read(own);
  field.focus();
}

async function read(own) {
  try {
    for await (const data of own) if (own === chat) receive(JSON.parse(data));
  } catch {
    // The state says why it has ended.
  }
}

// Private windows may have no storage.
function remembered() {
  try {
    return localStorage.getItem("name") ?? "";
  } catch {
    return "";
  }
}

function remember(name) {
  try {
    localStorage.setItem("name", name);
  } catch {
    // It is asked for again.
  }
}

/* What the server says. */

function receive(message) {
  switch (message.type) {
    case "welcome":
      you = message.you;
      people.reset(message.people, you);
      for (const said of message.history) showSaid(said);
      showNotice(arriving ? `You are here as ${you}` : "Connected again");
      arriving = false;
      break;
    case "joined":
      people.add(message.name);
      showNotice(`${message.name} is here`);
      break;
    case "left":
      people.remove(message.name);
      showNotice(`${message.name} has left`);
      break;
    case "said":
      showSaid(message.said);
      break;
    case "roundTrips":
      people.show(message.of);
  }
}

function showState(state) {
  stateLine.show(state);
  find("send").disabled = state.name !== "open";
}

/** It was handed to a connection that was lost then: the server may have had it, or not. */
function showUnconfirmed(data) {
  const { text } = JSON.parse(data);
  if (forget(text)) showNotice(`“${text}” may not have arrived`);
}

/** Returns whether it was pending. */
function forget(text) {
  const at = pending.indexOf(text);
  if (at >= 0) pending.splice(at, 1);
  return at >= 0;
}

function showSaid({ id, name, text, at }) {
  if (shown.has(id)) return;
  shown.add(id);
  if (name === you) forget(text);
  const line = makeElement("li", "said");
  line.classList.toggle("mine", name === you);
  line.classList.toggle("more", last?.name === name && at - last.at < SAME_BREATH);
  line.style.setProperty("--hue", hueOf(name));
  const date = new Date(at);
  const time = makeElement("time", "", date.toLocaleTimeString([], { timeStyle: "short" }));
  time.dateTime = date.toISOString();
  const head = makeElement("div", "head");
  head.append(makeElement("span", "name", name), time);
  line.append(makeAvatar(name), head, makeElement("div", "text", text));
  line.title = date.toLocaleString();
  last = { name, at };
  show(line, name === you);
  if (document.hidden) showTitle(++unread);
}

function showNotice(text) {
  last = undefined;
  show(makeElement("li", "notice", text), false);
}

/** Adds a line. Who reads further up is not disturbed, but told. */
function show(line, always) {
  following ||= always;
  log.append(line);
  while (log.childElementCount > MAX_LINES) log.firstElementChild.remove();
  if (following) log.scrollTop = log.scrollHeight;
  else find("newer").hidden = false;
}

function showTitle(count = 0) {
  unread = count;
  document.title = `${count > 0 ? `(${count}) ` : ""}${find("room").textContent}`;
}

/* What the person does. */

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = field.value.trim();
  // Without a connection the text stays where it is.
  if (text !== "" && chat?.state.name === "open") {
    chat.send(JSON.stringify({ type: "say", text }));
    pending.push(text);
    field.value = "";
  }
  field.focus();
});

field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  composer.requestSubmit();
});

// Whoever begins to type means the field.
addEventListener("keydown", (event) => {
  const typed = event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (typed && event.key !== " " && !dialog.open) field.focus();
});

log.addEventListener("scroll", () => {
  following = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
  if (following) find("newer").hidden = true;
});

// A keyboard on the screen takes room: who was at the end stays there.
new ResizeObserver(() => {
  if (following) log.scrollTop = log.scrollHeight;
}).observe(log);

find("newer").addEventListener("click", () => {
  log.scrollTop = log.scrollHeight;
  field.focus();
});

find("change").addEventListener("click", ask);

dialog.addEventListener("submit", () => {
  const room = roomField.value.trim();
  const path = `/room/${encodeURIComponent(room)}`;
  if (path !== location.pathname) history.pushState(null, "", path);
  join(nameField.value.trim(), room);
});

// There is nothing behind the first question.
dialog.addEventListener("cancel", (event) => {
  if (chat === undefined) event.preventDefault();
});

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) showTitle();
});

function arrive() {
  const room = roomInAddress();
  const name = remembered();
  if (room !== "" && name !== "") join(name, room);
  else ask();
}

addEventListener("popstate", arrive);
arrive();
