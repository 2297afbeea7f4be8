// <sh-wave>: a recording as a waveform, with the stretches of the table #stretches and the proposed ones of #proposals.
// Each row of these tables has a form, and all that is done here is done by filling in and sending one of these forms.

import { fromClock, toClock } from "./clock.js";
import { drawPeaks } from "./peaks.js";

const PER_S = 100; // peaks
const FIRST_VIEW_S = 60;
const LEAST_VIEW_S = 1;
const STEP_S = 0.01;
const LARGE_STEP_S = 0.1;
const SHORTEST_S = 0.05;
const SEND_AFTER_MS = 700; // of no more changes by keys
const DRAG_PX = 4;
const SPEEDS = [1, 0.75, 0.5];

const ROWS = "tr[data-stretch]";

// One row of a table: a stretch, a proposed one, or the one to be added.
class Row {
  constructor(element) {
    this.element = element;
    [this.from, this.to] = ["start", "end"].map((name) => element.querySelector(`[name=${name}]`));
    this.answer = element.querySelector("[name=answer]");
  }

  // "" if it is not stored.
  get id() {
    return this.element.dataset.stretch;
  }

  get proposed() {
    return "proposed" in this.element.dataset;
  }

  send() {
    this.answer.form.requestSubmit(this.element.querySelector("[data-accept]"));
  }

  get edges() {
    return [fromClock(this.from.value), fromClock(this.to.value)];
  }

  set(edge, seconds) {
    (edge ? this.to : this.from).value = toClock(seconds);
  }

  get complete() {
    const [start, end] = this.edges;
    return start !== null && end !== null && end - start >= SHORTEST_S;
  }
}

class Wave extends HTMLElement {
  async connectedCallback() {
    this.view = this.querySelector("[data-view]");
    this.canvas = this.querySelector("canvas");
    this.marks = this.querySelector("[data-marks]");
    this.playhead = this.querySelector("[data-playhead]");
    this.scroller = this.querySelector("[data-scroller]");
    this.words = this.querySelector("[data-words]");
    this.sound = this.querySelector("audio");
    this.readRows();
    const late = setTimeout(() => this.say("Reading the recording…"), 300);
    try {
      const response = await fetch(this.dataset.peaks);
      if (!response.ok) throw new Error(await response.text());
      this.peaks = new Uint8Array(await response.arrayBuffer());
    } catch {
      clearTimeout(late);
      this.say("The waveform cannot be shown. The table below works without it.");
      return;
    }
    clearTimeout(late);
    this.duration = this.peaks.length / PER_S;
    this.say(`${toClock(this.duration)} long. Drag over a stretch, then say what it is.`);
    this.start();
  }

  start() {
    const shown = Number(this.dataset.end ?? 0) - Number(this.dataset.start ?? 0);
    this.length = Math.min(this.duration, Math.max(FIRST_VIEW_S, 2 * shown));
    this.first = 0;
    if (shown) this.first = this.limit(Number(this.dataset.start) - this.length / 4);
    for (const each of [this.view, ...this.querySelectorAll("[data-tools]")]) each.hidden = false;
    this.listen();
    this.show();
  }

  listen() {
    const press = (name, act) => this.querySelector(`[data-${name}]`)?.addEventListener("click", act);
    press("play", () => (this.sound.paused ? this.sound.play() : this.sound.pause()));
    press("slower", (event) => this.changeSpeed(event.currentTarget));
    press("begin", () => this.markHere(0));
    press("finish", () => this.markHere(1));
    press("left", () => this.focusEdge(0));
    press("right", () => this.focusEdge(1));
    press("out", () => this.zoom(2));
    press("in", () => this.zoom(0.5));
    for (const each of this.querySelectorAll("[data-class]")) {
      each.addEventListener("click", () => this.classify(each.dataset.class));
    }
    this.scroller.addEventListener("input", () => {
      this.first = Number(this.scroller.value);
      this.show();
    });
    new ResizeObserver(() => this.show()).observe(this.view);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.show());
    this.view.addEventListener("pointerdown", (event) => this.grab(event));
    this.view.addEventListener("keydown", (event) => this.nudge(event));
    this.sound?.addEventListener("timeupdate", () => this.follow());
    this.sound?.addEventListener("seeked", () => this.follow());
    this.sound?.addEventListener("repeat", (event) => {
      this.repeated = event.detail;
      this.show();
    });
    document.addEventListener("input", (event) => event.target.closest(ROWS) && this.show());
    document.addEventListener("focusin", (event) => this.choose(event.target.closest(ROWS)));
    document.addEventListener("proposals", () => this.readAgain());
    document.addEventListener("click", (event) => this.playRow(event.target.closest("[data-play-row]")));
    document.addEventListener("htmx:beforeSwap", (event) => this.remember(event));
    document.addEventListener("htmx:afterSwap", () => this.takeBack());
  }

  // The rows

  readRows() {
    this.rows = [...document.querySelectorAll(ROWS)].map((each) => new Row(each));
    this.added = this.rows.find((row) => !row.id && !row.proposed);
    this.chosen = this.rows.find((row) => "chosen" in row.element.dataset) ?? this.added;
    for (const row of this.rows) {
      const play = row.element.querySelector("[data-play-row]");
      if (play) play.hidden = !this.sound;
    }
  }

  // Proposals came or went: the chosen row stays, unless it went.
  readAgain() {
    const chosen = this.chosen.element;
    this.readRows();
    this.choose(chosen);
    this.show();
  }

  choose(element) {
    const row = element && this.rows.find((each) => each.element === element);
    if (!row || row === this.chosen) return;
    for (const each of this.rows) each.element.classList.toggle("chosen", each === row);
    this.chosen = row;
    const at = row.complete ? row.edges[0] : this.first;
    if (!this.isShown(at)) this.first = this.limit(at - this.length / 4);
    this.show();
  }

  // The new stretch begins or ends where the recording stands.
  markHere(edge) {
    const row = this.added;
    this.choose(row.element);
    row.set(edge, this.sound?.currentTime ?? this.first);
    this.show();
    if (row.complete) this.say("Now say what it is.");
  }

  classify(name) {
    if (!this.chosen.complete) {
      this.say("Mark a stretch first: drag over it, or press I where it begins and O where it ends.");
      return;
    }
    this.chosen.answer.value = name;
    this.send();
  }

  send() {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.chosen.complete) this.chosen.send();
  }

  // A new row is only sent when it is said what it is; another one when nothing changes any more.
  sendLater() {
    clearTimeout(this.timer);
    this.timer = this.chosen.id ? setTimeout(() => this.send(), SEND_AFTER_MS) : null;
  }

  // The answer replaces the table: what is being changed meanwhile and where the focus is are kept.
  remember(event) {
    if (event.detail.target?.id !== "stretches") return;
    const edge = document.activeElement?.dataset?.edge;
    this.kept = { values: this.timer ? this.chosen.edges : null, edge: edge === undefined ? null : Number(edge) };
    clearTimeout(this.timer);
    this.timer = null;
  }

  takeBack() {
    if (!this.kept) return;
    const { values, edge } = this.kept;
    this.kept = null;
    this.say("");
    this.readRows();
    this.choose(document.activeElement?.closest(ROWS)); // of a proposal, if the one before it was accepted
    if (values && this.chosen.id) {
      values.forEach((seconds, i) => this.chosen.set(i, seconds));
      this.sendLater();
    }
    this.show();
    if (edge !== null) this.focusEdge(edge);
  }

  // Playing

  playRow(button) {
    const row = button && this.rows.find((each) => each.element.contains(button));
    if (!row?.complete) return;
    [this.sound.currentTime, this.until] = row.edges;
    this.sound.play();
  }

  follow() {
    const at = this.sound.currentTime;
    if (this.until && at >= this.until) {
      this.sound.pause();
      this.until = null;
    }
    if (!this.sound.paused && (at > this.first + this.length || at < this.first)) {
      this.first = this.limit(at - 0.05 * this.length);
      this.show();
    }
    this.placePlayhead();
  }

  changeSpeed(button) {
    const next = SPEEDS[(SPEEDS.indexOf(this.sound.playbackRate) + 1) % SPEEDS.length];
    this.sound.playbackRate = next;
    button.textContent = next === 1 ? "Slower" : `Speed ${next}`;
  }

  // The view: `length` seconds from `first` on

  limit(first) {
    return Math.max(0, Math.min(first, this.duration - this.length));
  }

  zoom(factor) {
    const centre = this.sound && this.isShown(this.sound.currentTime) ? this.sound.currentTime : this.first + this.length / 2;
    this.length = Math.min(this.duration, Math.max(LEAST_VIEW_S, this.length * factor));
    this.first = this.limit(centre - this.length / 2);
    this.show();
  }

  isShown(seconds) {
    return seconds >= this.first && seconds <= this.first + this.length;
  }

  toPx(seconds) {
    return ((seconds - this.first) / this.length) * this.view.clientWidth;
  }

  toSeconds(event) {
    const share = (event.clientX - this.view.getBoundingClientRect().left) / this.view.clientWidth;
    return Math.max(0, Math.min(this.duration, this.first + share * this.length));
  }

  show() {
    if (!this.peaks || !this.view.clientWidth) return;
    const from = Math.floor(this.first * PER_S);
    const peaks = this.peaks.subarray(from, Math.ceil((this.first + this.length) * PER_S));
    drawPeaks(this.canvas, peaks, { full: 255, first: this.first, length: this.length });
    this.scroller.hidden = this.length >= this.duration;
    this.scroller.max = this.duration - this.length;
    this.scroller.value = this.first;
    this.scroller.setAttribute("aria-valuetext", `from ${toClock(this.first)} to ${toClock(this.first + this.length)}`);
    const held = document.activeElement?.dataset?.edge;
    const inside = this.marks.contains(document.activeElement);
    this.marks.replaceChildren(...this.rows.filter((row) => row.complete && this.overlaps(row)).map((row) => this.mark(row)));
    if (this.repeated) this.marks.append(this.band(this.repeated, "repeated"));
    if (inside) this.marks.querySelector(`.chosen [data-edge="${held}"]`)?.focus({ preventScroll: true });
    this.placePlayhead();
  }

  overlaps(row) {
    const [start, end] = row.edges;
    return end > this.first && start < this.first + this.length;
  }

  band([start, end], kind) {
    const band = document.createElement("div");
    band.className = kind;
    const [left, right] = [Math.max(-2, this.toPx(start)), Math.min(this.view.clientWidth + 2, this.toPx(end))];
    band.style.left = `${left}px`;
    band.style.width = `${Math.max(2, right - left)}px`;
    return band;
  }

  mark(row) {
    const mark = this.band(row.edges, `mark${row === this.chosen ? " chosen" : ""}${row.proposed ? " proposed" : ""}`);
    const known = row.answer.value || (row.id || row.proposed ? "no kind yet" : "new");
    const name = row.proposed ? `${known}?` : known;
    const words = document.createElement("span");
    words.textContent = name;
    words.dir = "auto";
    mark.append(words, this.edge(row, 0, name), this.edge(row, 1, name));
    mark.row = row;
    return mark;
  }

  edge(row, side, name) {
    const edge = document.createElement("div");
    edge.dataset.edge = side;
    edge.tabIndex = row === this.chosen ? 0 : -1;
    edge.setAttribute("role", "slider");
    edge.setAttribute("aria-label", `${side ? "End" : "Start"} of ${name}`);
    edge.setAttribute("aria-valuemin", 0);
    edge.setAttribute("aria-valuemax", this.duration);
    edge.setAttribute("aria-valuenow", row.edges[side]);
    edge.setAttribute("aria-valuetext", toClock(row.edges[side]));
    return edge;
  }

  focusEdge(side) {
    if (!this.chosen.complete) {
      this.say("Choose a stretch in the table first, or mark one.");
      return;
    }
    const at = this.chosen.edges[side];
    if (!this.isShown(at)) this.first = this.limit(at - this.length / 2);
    this.show();
    this.marks.querySelector(`.chosen [data-edge="${side}"]`)?.focus({ preventScroll: true });
  }

  placePlayhead() {
    const at = this.sound?.currentTime ?? 0;
    this.playhead.hidden = !this.sound || !this.isShown(at);
    this.playhead.style.left = `${this.toPx(at)}px`;
  }

  // Moving edges, by keys and by dragging

  nudge(event) {
    const side = event.target.dataset.edge;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (side === undefined || !by) return;
    event.preventDefault();
    this.moveEdge(this.chosen, Number(side), this.chosen.edges[side] + by * (event.shiftKey ? LARGE_STEP_S : STEP_S));
    this.sendLater();
  }

  moveEdge(row, side, seconds) {
    const [start, end] = row.edges;
    const limited = side ? Math.max(start + SHORTEST_S, seconds) : Math.min(end - SHORTEST_S, seconds);
    row.set(side, Math.max(0, Math.min(this.duration, limited)));
    this.show();
  }

  grab(event) {
    if (event.button) return;
    const edge = event.target.dataset.edge;
    const mark = event.target.closest(".mark");
    if (mark) this.choose(mark.row.element);
    const began = { px: event.clientX, seconds: this.toSeconds(event) };
    const drag = edge === undefined ? this.drawing(began) : (at) => this.moveEdge(this.chosen, Number(edge), at);
    let moved = false;
    const move = (next) => {
      moved ||= Math.abs(next.clientX - began.px) >= DRAG_PX;
      if (moved) drag(this.toSeconds(next));
    };
    const leave = (last) => {
      for (const name of ["pointerup", "pointercancel"]) this.view.removeEventListener(name, leave);
      this.view.removeEventListener("pointermove", move);
      if (!moved && this.sound && edge === undefined) this.sound.currentTime = began.seconds;
      if (!moved) return;
      if (edge !== undefined) this.focusEdge(Number(edge));
      if (edge !== undefined && this.chosen.id) this.send();
      else if (last.type === "pointerup") this.say(this.chosen.proposed ? "Moved. Accept it, or say what it is." : "Now say what it is.");
    };
    this.view.setPointerCapture(event.pointerId);
    this.view.addEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"]) this.view.addEventListener(name, leave);
  }

  // Dragging over the waveform fills in the new stretch.
  drawing(began) {
    return (at) => {
      const row = this.added;
      this.choose(row.element);
      [began.seconds, at].sort((a, b) => a - b).forEach((seconds, side) => row.set(side, seconds));
      this.show();
    };
  }

  say(words) {
    this.words.textContent = words;
  }
}

customElements.define("sh-wave", Wave);
