// <sh-record>: records from the microphone while a button or the space bar is held, or between two taps, cuts the
// recording into pieces, and adds those that are chosen.

import { toClock } from "./clock.js";
import { Microphone, describeLevel } from "./devices.js";
import { chosenKind, chooseKindsByKeys } from "./kinds.js";
import { drawPeaks } from "./peaks.js";
import { sendForm, stampNow } from "./sending.js";
import { cutAtPauses, cutEvery, join, toWav } from "./sound.js";

const TAP_MS = 400; // a shorter press starts, and the next one stops
const MOST_S = 600;
const RING_S = 60; // for one turn
const SHOWN_S = 12; // of the recording so far
const PEAKS_PER_S = 50;
const LEVEL_S = 1; // over which loudness is judged
const SHORTEST_S = 0.2;

class Record extends HTMLElement {
  connectedCallback() {
    this.listening = new AbortController();
    for (const name of ["record", "ring", "length", "words", "pieces", "list", "add", "discard", "seconds", "marks"]) {
      this[name] = this.querySelector(`[data-${name}]`);
    }
    this.canvas = this.querySelector("canvas");
    this.querySelector("[data-scripted]").hidden = false;
    chooseKindsByKeys(this, this.listening.signal);
    this.listen();
  }

  // Also when the page around it is replaced, and it is put back with what it holds.
  disconnectedCallback() {
    this.stop();
    this.listening.abort();
  }

  listen() {
    const { signal } = this.listening;
    const on = (target, name, act) => target.addEventListener(name, act, { signal });
    on(this.record, "pointerdown", (event) => {
      if (event.button) return;
      this.record.setPointerCapture(event.pointerId);
      this.press();
    });
    on(this.record, "pointerup", () => this.release());
    on(this.record, "pointercancel", () => this.stop());
    on(this.record, "click", (event) => event.detail === 0 && this.toggle()); // by a key or by other software
    on(document, "keydown", (event) => this.pressKey(event));
    on(document, "keyup", (event) => event.key === " " && this.spaceDown && this.releaseKey(event));
    on(window, "blur", () => this.stop());
    on(document, "visibilitychange", () => document.hidden && this.stop());
    on(window, "beforeunload", (event) => this.samples && event.preventDefault());
    on(this.pieces, "change", (event) => event.target.type === "checkbox" ? this.count() : this.cut());
    on(this.add, "click", () => this.send());
    on(this.discard, "click", () => this.forget());
  }

  // Holding and tapping

  press() {
    this.pressedAt = performance.now();
    this.toggle();
  }

  release() {
    if (this.busy && performance.now() - this.pressedAt >= TAP_MS) this.stop();
  }

  toggle() {
    if (this.busy) this.stop();
    else this.start();
  }

  pressKey(event) {
    const elsewhere = event.target === document.body && document.body.dataset.singleKeys !== "off";
    if (event.key !== " " || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target !== this.record && !elsewhere) return;
    event.preventDefault();
    if (event.repeat) return;
    this.spaceDown = true;
    this.press();
  }

  releaseKey(event) {
    event.preventDefault(); // a button would be clicked
    this.spaceDown = false;
    this.release();
  }

  // Recording

  async start() {
    this.forget();
    this.busy = true;
    this.portions = [];
    this.levels = [];
    const microphone = new Microphone((portion) => this.hear(portion));
    this.microphone = microphone;
    this.show("Wait…", "until it is open");
    this.say("Opening the microphone. Your browser may ask whether this page may listen.");
    try {
      await microphone.open();
    } catch (error) {
      this.end();
      this.say(error.message);
      return;
    }
    if (this.microphone !== microphone) {
      microphone.close();
      return;
    }
    this.source = microphone.name;
  }

  hear(portion) {
    if (!this.portions.length) this.show("Recording", "let go, or tap, to stop"); // what came before it opened is lost
    this.portions.push(portion);
    const size = Math.round(this.microphone.rate / PEAKS_PER_S);
    for (let i = 0; i < portion.length; i += size) {
      let loudest = 0;
      for (const sample of portion.subarray(i, i + size)) loudest = Math.max(loudest, Math.abs(sample));
      this.levels.push(loudest);
    }
    this.drawing ??= requestAnimationFrame(() => this.draw());
    if (this.heardS >= MOST_S) {
      this.stop();
      this.say(`Stopped after ${MOST_S / 60} minutes. Add what you have, then go on.`);
    }
  }

  get heardS() {
    return (this.portions.length * this.portions[0].length) / this.microphone.rate;
  }

  // Once a frame, however many portions came: a slow machine would fall behind further and further, and freeze.
  draw() {
    this.drawing = null;
    if (!this.microphone) return;
    const seconds = this.heardS;
    this.length.textContent = toClock(seconds).slice(0, -1);
    this.ring.setAttribute("stroke-dasharray", `${(100 * (seconds % RING_S)) / RING_S} 100`);
    const shown = new Float32Array(SHOWN_S * PEAKS_PER_S);
    shown.set(this.levels.slice(-shown.length));
    drawPeaks(this.canvas, shown);
    const level = describeLevel(Math.max(...this.levels.slice(-LEVEL_S * PEAKS_PER_S)));
    this.say(`${level}${this.source ? ` Microphone: ${this.source}.` : ""}`);
  }

  stop() {
    if (!this.busy) return;
    const { rate } = this.microphone;
    this.end();
    if (!this.portions.length) {
      this.say("The microphone was not open yet. Hold the button until it says “Recording”, or tap it to start and again to stop.");
      return;
    }
    const samples = join(this.portions);
    if (samples.length < SHORTEST_S * rate) {
      this.say("That was too short. Hold the button while it sounds, or tap it to start and again to stop.");
      return;
    }
    [this.samples, this.rate] = [samples, rate];
    this.cut();
  }

  end() {
    this.busy = false;
    this.microphone.close();
    this.microphone = null;
    this.show("Record", "hold, or tap");
  }

  show(words, hint) {
    this.record.setAttribute("aria-pressed", String(this.busy));
    this.record.querySelector("b").textContent = words;
    this.record.querySelector("span").textContent = hint;
  }

  // Cutting it into pieces

  cut() {
    const how = this.querySelector("input[name=cut]:checked").value;
    const length = this.samples.length / this.rate;
    const seconds = Number(this.seconds.value);
    if (how === "every" && !(seconds >= SHORTEST_S)) return;
    const ways = { pauses: () => cutAtPauses(this.samples, this.rate), every: () => cutEvery(length, seconds), whole: () => [[0, length]] };
    this.found = ways[how]();
    this.list.replaceChildren(...this.found.map((piece, i) => this.row(piece, i)));
    this.pieces.hidden = false;
    drawPeaks(this.canvas, this.samples.map(Math.abs));
    this.count();
  }

  row([start, end], i) {
    const row = document.createElement("li");
    const [label, box, play] = ["label", "input", "button"].map((name) => document.createElement(name));
    [box.type, box.checked, box.value] = ["checkbox", true, i];
    [play.type, play.className, play.textContent] = ["button", "quiet", "Play"];
    play.setAttribute("aria-label", `Play piece ${i + 1}`);
    play.addEventListener("click", () => this.play(start, end));
    label.append(box, ` Piece ${i + 1}: ${toClock(start)} to ${toClock(end)}`);
    row.append(label, play);
    return row;
  }

  get chosen() {
    return [...this.list.querySelectorAll("input:checked")].map((box) => this.found[box.value]);
  }

  count() {
    const number = this.chosen.length;
    this.add.textContent = number === 1 ? "Add 1 example" : `Add ${number} examples`;
    this.add.hidden = !number;
    const length = this.samples.length / this.rate;
    this.marks.replaceChildren(
      ...this.chosen.map(([start, end]) => {
        const mark = document.createElement("div");
        mark.className = "mark";
        mark.style.left = `${(100 * start) / length}%`;
        mark.style.width = `${(100 * (end - start)) / length}%`;
        return mark;
      }),
    );
    if (!this.found.length) this.say("No sound that stands out was found. Choose another way to cut it, or record again.");
    else if (!number) this.say("No piece is chosen.");
    else this.say(`${number} of ${this.found.length} chosen.`);
  }

  play(start, end) {
    this.player ??= new AudioContext();
    this.playing?.stop();
    const buffer = this.player.createBuffer(1, this.samples.length, this.rate);
    buffer.copyToChannel(this.samples, 0);
    this.playing = new AudioBufferSourceNode(this.player, { buffer });
    this.playing.connect(this.player.destination);
    this.playing.start(0, start, end - start);
  }

  forget() {
    this.playing?.stop();
    this.samples = null;
    this.pieces.hidden = true;
    this.marks.replaceChildren();
    this.say("");
  }

  // Adding them

  async send() {
    const body = new FormData();
    const pieces = this.chosen;
    body.append("file", toWav(this.samples, this.rate), `recording ${stampNow()}.wav`);
    body.append("put", chosenKind(this));
    const whole = this.querySelector("input[name=cut]:checked").value === "whole";
    if (!whole) for (const [start, end] of pieces) body.append("stretch", `${start.toFixed(3)}-${end.toFixed(3)}`);
    this.add.disabled = true;
    const { answer, problem } = await sendForm(this.dataset.address, body, this.add, "Adding…");
    this.add.disabled = false;
    this.count();
    if (problem) {
      this.say(`Not saved: ${problem} The recording is kept in this page.`);
      return;
    }
    this.samples = null;
    location.assign(answer.address);
  }

  say(words) {
    if (this.words.textContent !== words) this.words.textContent = words;
  }
}

customElements.define("sh-record", Record);
