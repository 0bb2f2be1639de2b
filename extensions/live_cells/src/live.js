// The page comes alive: fetched by start.js when the reader hovers over, or presses, its button.

import { Bar, KEYS } from "./bar.js";
import { Cell } from "./cell.js";
import { explain } from "./failures.js";
import { keepPage } from "./keep.js";
import { Session } from "./session.js";

const ROOT = new URL("..", import.meta.url).href; // of the book: this script lies in its folder live/
const FOLDER = new URL(".", location).href.slice(ROOT.length); // of the page: its data are ../data
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

const bar = new Bar(document.querySelector(".live-bar"), { runAll, restart, cancel });
const inputs = [...document.querySelectorAll("div.cell .cell_input")];
const cells = inputs.map(
  (input, index) => new Cell(input, index + 1, () => runWithThoseAbove(cells[index])),
);

let queue = []; // cells still to run
let running; // the cell that runs now
let working = false; // whether somebody is at the queue
let hasStarted = false; // from then on the editors stay, whatever happens

const session = new Session({
  stage: (stage) => bar.say(`${stage} …`),
  progress(received, total) {
    if (bar.state !== "loading") return;
    bar.count(received, total, `${megabytes(received)} of ${megabytes(total)} MB`);
  },
  ready(figures) {
    hasStarted = true;
    bar.show("open");
    bar.say(`Python is ready. Change a cell and run it. ${KEYS.textContent}`);
    document.dispatchEvent(new CustomEvent("live-ready", { detail: figures }));
    keepPage(ROOT);
  },
  failed(reason) {
    // what was fetched ahead and failed is tried again when the reader asks for it
    if (bar.state !== "closed") giveUp(explain(reason));
  },
});

// What start.js calls: the reader may press the button soon.
export function prefetch() {
  session.download();
}

// What start.js calls: the reader pressed it.
export function open() {
  cells.forEach((cell) => cell.open());
  start();
}

function start() {
  if (!session.isReady) bar.show("loading");
  return session.start(FOLDER);
}

function emptyQueue() {
  for (const cell of queue) cell.mark("");
  queue = [];
}

// With Python go the names that the cells have made: none of them has run.
function end() {
  queue = [];
  cells.forEach((cell) => cell.mark(""));
  session.end();
}

// Before Python has ever started the page goes back to what it was; later the reader's code stays.
function giveUp(why) {
  end();
  if (hasStarted) {
    bar.show("open");
    bar.say(`${why} Your code is kept; Restart starts Python again.`);
  } else {
    cells.forEach((cell) => cell.close());
    bar.show("closed");
    bar.say(`${why} The page is as it was.`);
  }
}

function cancel() {
  if (bar.state === "loading") return giveUp("Cancelled.");
  emptyQueue();
  bar.say(`Cancelled after ${running.name}. To end a cell that does not stop, press Restart.`);
}

function restart() {
  end();
  start();
}

function runAll() {
  cells.forEach((cell) => cell.mark(""));
  run(cells, "Running all cells.");
}

// A cell needs what those above it made: those that have not run yet go first.
function runWithThoseAbove(cell) {
  const first = cells.slice(0, cells.indexOf(cell)).filter((above) => !above.hasRun);
  const number = first.length === 1 ? "the cell" : `the ${first.length} cells`;
  run(
    [...first, cell],
    first.length ? `Running first ${number} above that had not run.` : `Running ${cell.name}.`,
  );
}

async function run(wanted, why) {
  for (const cell of wanted) {
    if (queue.includes(cell) || cell === running) continue;
    queue.push(cell);
    cell.mark("waiting");
  }
  if (working) return; // whoever is at the queue takes these up
  working = true;
  if (await start()) await work(why);
  working = false;
}

async function work(why) {
  bar.show("running");
  bar.say(why);
  let done = 0;
  let last, result;
  do {
    last = running = queue.shift();
    const all = done + 1 + queue.length;
    bar.count(done, all, `${done + 1} of ${all}`);
    result = await runOne(last);
    running = undefined;
    if (!result) return; // Python was ended, and whoever did it said why
    done += 1;
  } while (queue.length && !result.failed);
  const skipped = queue.length ? " The cells that were to follow did not run." : "";
  emptyQueue();
  bar.show("open");
  if (!result.failed) return bar.say(done > 1 ? `${done} cells have run.` : `${last.name} has run.`);
  bar.say(`${last.name} failed.${skipped}`, {
    text: `Go to ${last.name}`,
    act: () => last.reveal(),
  });
}

async function runOne(cell) {
  const position = cells.indexOf(cell);
  const edited = cells.slice(0, position + 1).some((other) => other.edited);
  cell.mark("running");
  // what the cells that the page does not show make for this one
  let result = { failed: false };
  if (cell.setup) result = await session.run(cell.setup, `the hidden code before ${cell.name}`);
  if (result && !result.failed) result = await session.run(cell.source, cell.name);
  if (!result) return;
  cell.show(result, edited);
  for (const below of cells.slice(position + 1)) if (below.hasRun) below.mark("stale");
  return result;
}
