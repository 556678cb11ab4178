// Loads the page again every few seconds and puts in what is new. What somebody is at stays where it is: focus,
// what was opened, how far a table was moved; a part in which text is selected waits until it is not.
"use strict";
const EVERY = 5000;
const button = document.getElementById("pause");
let paused = false;

// What is put in as a whole: each has an id.
const parts = () => document.querySelectorAll("main > *[id], #as-of");

function isSelectedIn(part) {
  const selection = document.getSelection();
  return selection && !selection.isCollapsed && part.contains(selection.anchorNode);
}

function keepOpen(part, fresh) {
  for (const details of part.querySelectorAll("details[id]")) {
    const twin = fresh.querySelector("#" + details.id);
    if (twin) {
      twin.open = details.open;
    }
  }
}

function put(part, fresh) {
  const focused = part.contains(document.activeElement) && document.activeElement.id;
  const moved = [...part.querySelectorAll(".scroll[id]")].map((table) => [table.id, table.scrollLeft]);
  part.replaceChildren(...fresh.childNodes);
  for (const [id, left] of moved) {
    const table = document.getElementById(id);
    if (table) {
      table.scrollLeft = left;
    }
  }
  if (focused) {
    document.getElementById(focused)?.focus({ preventScroll: true });
  }
}

async function refresh() {
  if (paused || document.hidden) {
    return;
  }
  let text;
  try {
    const answer = await fetch("/", { cache: "no-store" });
    if (!answer.ok) {
      throw new Error(answer.status);
    }
    text = await answer.text();
  } catch {
    // What is shown stays, and says as of when.
    document.title = "not reached: pod-hardener";
    return;
  }
  const page = new DOMParser().parseFromString(text, "text/html");
  document.title = page.title;
  for (const part of parts()) {
    const fresh = page.getElementById(part.id);
    if (!fresh || isSelectedIn(part)) {
      continue;
    }
    keepOpen(part, fresh);
    if (fresh.innerHTML !== part.innerHTML) {
      put(part, fresh);
    }
  }
}

button.hidden = false;
button.addEventListener("click", () => {
  paused = !paused;
  button.textContent = paused ? "Go on" : "Pause";
  refresh();
});
setInterval(refresh, EVERY);
