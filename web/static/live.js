// The live stream. What comes over the socket is data: it is put into text nodes
// and nowhere else, and class names are taken from a fixed list.
"use strict";
(() => {
  const keep = 500; // lines on the page, and lines held back while paused
  const levels = ["info", "low", "medium", "high", "critical"];
  const el = (id) => document.getElementById("live-" + id);
  const log = el("log"), state = el("state"), pause = el("pause"), alertBox = el("alert");
  const severity = el("severity"), failures = el("failures"), filter = el("filter");
  let socket = null, wait = 1000, timer = 0, paused = false, held = [];

  const span = (name, text) => {
    const s = document.createElement("span");
    s.className = name;
    s.textContent = text;
    return s;
  };

  const line = (e) => {
    const li = document.createElement("li");
    if (levels.includes(e.severity)) li.classList.add("severity-" + e.severity);
    if (e.failed) li.classList.add("failed");
    const time = document.createElement("time");
    time.dateTime = e.at;
    time.textContent = e.time;
    const text = span("text", "");
    text.append(span("who", e.who), " ", span("what", e.what + (e.count > 1 ? " ×" + e.count : "")));
    li.append(time, span("level", e.label), span("kind", e.service ? e.kind + " · " + e.service : e.kind), text);
    if (e.ref) {
      const a = document.createElement("a");
      a.className = "ref";
      a.href = "/why?q=" + encodeURIComponent(e.ref);
      a.textContent = e.ref;
      li.append(a);
    }
    li.hidden = !fits(li);
    return li;
  };

  const fits = (li) => li.textContent.toLowerCase().includes(filter.value.trim().toLowerCase());

  const show = (entries) => {
    el("none").hidden = entries.length + log.childElementCount > 0;
    if (!entries.length) return;
    const lines = document.createDocumentFragment();
    for (const e of entries.slice(-keep).reverse()) lines.append(line(e));
    log.prepend(lines);
    while (log.childElementCount > keep) log.lastElementChild.remove();
  };

  const critical = (entries) => {
    const e = entries.findLast((e) => e.severity === "critical");
    if (!e) return;
    alertBox.querySelector("span").textContent = [e.time, e.service, e.who, e.what].filter(Boolean).join(" · ");
    alertBox.hidden = false;
  };

  const say = (name, text) => {
    state.className = "state " + name;
    state.textContent = text;
  };

  const take = (entries, first) => {
    if (!first) critical(entries);
    if (!paused) return show(entries);
    held = held.concat(entries).slice(-keep);
    say("", state.dataset.waiting.replace("#", held.length));
  };

  const connect = () => {
    clearTimeout(timer);
    const url = new URL("/live", location.href);
    url.protocol = "wss:";
    if (severity.value !== "info") url.searchParams.set("severity", severity.value);
    if (failures.checked) url.searchParams.set("failures", "true");
    const own = (socket = new WebSocket(url));
    let first = true;
    own.onmessage = (m) => {
      if (own !== socket) return;
      if (first) log.replaceChildren();
      if (first && !paused) say("on", state.dataset.connected);
      wait = 1000;
      take(JSON.parse(m.data).entries || [], first);
      first = false;
    };
    own.onclose = (e) => {
      if (own !== socket) return;
      if (e.code === 1008) return say("off", state.dataset.over);
      say("off", state.dataset.lost);
      timer = setTimeout(connect, wait);
      wait = Math.min(wait * 2, 30000);
    };
  };

  const again = () => {
    held = [];
    const old = socket;
    socket = null;
    if (old) old.close();
    connect();
  };

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", paused);
    pause.textContent = paused ? pause.dataset.resume : pause.dataset.pause;
    if (paused) return say("", state.dataset.waiting.replace("#", 0));
    show(held);
    held = [];
    say("on", state.dataset.connected);
  });
  alertBox.querySelector("button").addEventListener("click", () => (alertBox.hidden = true));
  severity.addEventListener("change", again);
  failures.addEventListener("change", again);
  filter.addEventListener("input", () => {
    for (const li of log.children) li.hidden = !fits(li);
  });
  document.getElementById("live-form").addEventListener("submit", (e) => e.preventDefault());
  const asked = new URLSearchParams(location.search);
  if (levels.includes(asked.get("severity"))) severity.value = asked.get("severity");
  failures.checked = asked.get("failures") === "true" || failures.checked;
  connect();
})();
