// <sh-listen>: sends what the microphone hears to the server, and shows what it answers meanwhile.

import { toClock } from "./clock.js";
import { Microphone } from "./devices.js";
import { drawPeaks } from "./peaks.js";
import { toPcm } from "./sound.js";

const SHOWN_PORTIONS = 160;
const MOST_WAITING_BYTES = 2_000_000;

class Listen extends HTMLElement {
  connectedCallback() {
    this.parts = {};
    for (const name of ["start", "pause", "stop", "listening", "state", "length", "words", "log", "now", "hotwords", "finished", "copy", "files"]) {
      this.parts[name] = this.querySelector(`[data-${name}]`);
    }
    this.parts.start.addEventListener("click", () => this.start());
    this.parts.pause.addEventListener("click", () => (this.microphone ? this.pause() : this.goOn()));
    this.parts.stop.addEventListener("click", () => this.stop());
    this.parts.copy?.addEventListener("click", () => this.copy());
    addEventListener("pagehide", () => this.end());
  }

  disconnectedCallback() {
    this.end();
  }

  async start() {
    this.seconds = 0;
    this.levels = [];
    this.forget();
    if (!(await this.openMicrophone())) return;
    const address = new URL(this.dataset.socket, location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    this.socket = socket;
    const hotwords = (this.parts.hotwords?.value ?? "").split("\n").filter((line) => line.trim());
    socket.addEventListener("open", () => socket.send(JSON.stringify({ rate_hz: this.rate, hotwords })));
    socket.addEventListener("message", (event) => this.receive(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => this.closed(socket, event));
    this.show("Listening");
  }

  async openMicrophone() {
    const microphone = new Microphone((portion) => this.hear(portion));
    this.microphone = microphone;
    this.say("Your browser may ask whether this page may listen.");
    try {
      await microphone.open();
    } catch (error) {
      this.microphone = null;
      this.say(error.message);
      return false;
    }
    if (this.microphone !== microphone || (this.rate && this.socket && microphone.rate !== this.rate)) {
      microphone.close();
      return false;
    }
    this.rate = microphone.rate;
    this.say(microphone.name ? `Microphone: ${microphone.name}.` : "");
    return true;
  }

  hear(portion) {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    if (this.socket.bufferedAmount > MOST_WAITING_BYTES) {
      this.say("The server is too slow: some of the sound is left out.");
      return;
    }
    this.socket.send(toPcm(portion));
    this.seconds += portion.length / this.rate;
    this.levels.push(portion.reduce((loudest, each) => Math.max(loudest, Math.abs(each)), 0));
    this.drawing ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.drawing = null;
    this.parts.length.textContent = toClock(this.seconds).slice(0, -3);
    const shown = new Float32Array(SHOWN_PORTIONS);
    shown.set(this.levels.slice(-SHOWN_PORTIONS));
    drawPeaks(this.querySelector("canvas"), shown);
  }

  // Answers are made by the server's templates, which escape.
  receive(message) {
    if (message.problem) this.fail(message.problem);
    if (message.files) this.offer(message.files);
    if (message.html === undefined) return;
    if (message.final) {
      this.parts.log.insertAdjacentHTML("beforeend", message.html);
      this.parts.now.replaceChildren();
    } else {
      this.parts.now.innerHTML = message.html;
    }
  }

  // The microphone is off at once; the socket stays open for the words that are still being answered.
  pause() {
    this.microphone.close();
    this.microphone = null;
    this.show("Paused");
  }

  async goOn() {
    if (await this.openMicrophone()) this.show("Listening");
  }

  stop() {
    this.microphone?.close();
    this.microphone = null;
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ end: true }));
    else this.end();
    this.show("");
  }

  end() {
    this.microphone?.close();
    this.socket?.close();
    this.microphone = this.socket = null;
  }

  closed(socket, event) {
    if (this.socket !== socket) return;
    const stopped = !this.microphone && this.parts.stop.hidden;
    this.end();
    this.show("");
    if (this.failed || stopped) return;
    this.say(event.reason ? `It stopped: ${event.reason}.` : "seehear does not answer. Start it again with `seehear serve`.");
  }

  fail(problem) {
    this.failed = true;
    this.say(problem);
  }

  forget() {
    this.failed = false;
    this.parts.log.replaceChildren();
    this.parts.now.replaceChildren();
    if (this.parts.finished) this.parts.finished.hidden = true;
  }

  // The words as files to save.
  offer(files) {
    this.files = files;
    const links = Object.entries(files).map(([extension, text]) => {
      const link = document.createElement("a");
      link.className = "button";
      link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
      link.download = `words.${extension}`;
      link.textContent = { txt: "Text (txt)", srt: "Subtitles (srt)", vtt: "Subtitles (vtt)" }[extension] ?? extension;
      return link;
    });
    this.parts.files?.replaceChildren(...links);
    if (this.parts.finished) this.parts.finished.hidden = false;
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.files.txt);
      this.say("The words are copied.");
    } catch {
      this.say("The browser does not let this page copy. Save the text instead.");
    }
  }

  show(state) {
    const listening = state === "Listening";
    this.parts.start.hidden = Boolean(state);
    this.parts.pause.hidden = this.parts.stop.hidden = !state;
    this.parts.listening.hidden = !state;
    this.parts.state.textContent = state;
    this.parts.pause.firstChild.textContent = listening ? "Pause " : "Go on ";
    if (!state) this.parts.now.replaceChildren();
  }

  say(words) {
    this.parts.words.textContent = words;
  }
}

customElements.define("sh-listen", Listen);
