// Keeps open pages current: a stream says that something changed, and the page fetches itself again,
// at most once a second, and never while it is hidden, held, or being pressed.
"use strict";

// On a phone the places stand in a row that scrolls: the one we are at is in sight.
document.querySelector(".top nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

(() => {
  const GAP = 1000;
  const AGAIN = 5000;
  const button = document.getElementById("live");
  if (!button || !window.EventSource) return;

  let held = false;
  let pressed = false;
  let wanted = false;
  let last = 0;
  let timer = 0;

  function refresh() {
    timer = 0;
    if (held || pressed || document.hidden) {
      wanted = true;
      return;
    }
    wanted = false;
    last = Date.now();
    window.htmx.trigger(document.body, "refresh");
  }

  function ask() {
    if (!timer) timer = window.setTimeout(refresh, Math.max(0, last + GAP - Date.now()));
  }

  function catchUp() {
    if (wanted) ask();
  }

  function listen() {
    const stream = new EventSource("/live");
    stream.addEventListener("hello", () => button.classList.remove("lost"));
    stream.addEventListener("changed", ask);
    stream.addEventListener("beat", ask);
    stream.addEventListener("error", () => {
      button.classList.add("lost");
      if (stream.readyState !== EventSource.CLOSED) return;
      // Refused (signed out, too many streams): the page's own request says what to do.
      ask();
      window.setTimeout(listen, AGAIN);
    });
  }

  // Rows that were not there before are marked, so that the eye finds what came.
  let known = new Set();
  const rowsOf = (root) => Array.from(root.querySelectorAll(".row[id]"));
  const remember = () => { known = new Set(rowsOf(document).map((row) => row.id)); };
  document.body.addEventListener("htmx:afterSettle", () => {
    if (known.size) rowsOf(document).forEach((row) => row.classList.toggle("fresh", !known.has(row.id)));
    remember();
  });

  // What somebody opened stays open when the page around it is fetched again.
  let open = [];
  const marks = () => Array.from(document.querySelectorAll("[data-live] details"));
  document.body.addEventListener("htmx:beforeSwap", () => {
    open = marks().map((item, at) => (item.open ? at : -1)).filter((at) => at >= 0);
  });
  document.body.addEventListener("htmx:afterSwap", () => {
    const now = marks();
    open.forEach((at) => { if (now[at]) now[at].open = true; });
  });

  button.addEventListener("click", () => {
    held = !held;
    button.setAttribute("aria-pressed", String(!held));
    button.title = held ? button.dataset.off : button.dataset.on;
    catchUp();
  });
  document.addEventListener("visibilitychange", catchUp);
  document.addEventListener("pointerdown", () => { pressed = true; });
  for (const name of ["pointerup", "pointercancel"]) {
    document.addEventListener(name, () => { pressed = false; window.setTimeout(catchUp, 50); });
  }

  button.hidden = false;
  remember();
  listen();
})();

// Picking dead letters: the buttons for what is picked show when something is.
(() => {
  const form = document.getElementById("some");
  if (!form) return;
  const boxes = Array.from(document.querySelectorAll("input.pick"));
  const whole = document.querySelector("[data-pick-all]");
  const all = whole.querySelector("input");

  function show() {
    const count = boxes.filter((box) => box.checked).length;
    document.querySelectorAll("[data-picked]").forEach((item) => { item.hidden = count === 0; });
    document.querySelector("[data-count]").textContent = String(count);
    all.checked = count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
  }

  whole.hidden = false;
  all.addEventListener("change", () => {
    boxes.forEach((box) => { box.checked = all.checked; });
    show();
  });
  boxes.forEach((box) => box.addEventListener("change", show));
  show();
})();
