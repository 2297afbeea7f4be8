// <sh-look>: asks about what the camera sees, one picture at a time, and shows the newest answer.

import { showCamera, takePicture } from "./camera.js";
import { readPart, wordsOf } from "./parts.js";

const EVERY_MS = 150; // at least, between two pictures
const WAIT_MS = 1000; // after a picture that was refused because too many wait

class Look extends HTMLElement {
  connectedCallback() {
    this.parts = {};
    for (const name of ["view", "start", "take", "stop", "words", "now"]) this.parts[name] = this.querySelector(`[data-${name}]`);
    this.parts.start.addEventListener("click", () => this.start());
    this.parts.stop.addEventListener("click", () => this.stop());
    this.parts.take.addEventListener("click", () => this.keep());
    document.addEventListener("visibilitychange", () => document.hidden && this.stop());
    addEventListener("pagehide", () => this.stop());
  }

  disconnectedCallback() {
    this.stop();
  }

  async start() {
    this.say("Your browser may ask whether this page may use the camera.");
    try {
      this.switchOff = await showCamera(this.parts.view);
    } catch (error) {
      this.say(error.message);
      return;
    }
    this.say("");
    this.show(true);
    this.lookOn();
  }

  stop() {
    this.switchOff?.();
    this.switchOff = null;
    this.parts.now.replaceChildren();
    this.show(false);
  }

  show(looking) {
    this.parts.start.hidden = looking;
    this.parts.take.hidden = this.parts.stop.hidden = !looking;
  }

  // The next picture is only taken when the last one is answered.
  async lookOn() {
    const mine = this.switchOff;
    while (this.switchOff && this.switchOff === mine) {
      const began = performance.now();
      const answer = await this.ask(`${this.dataset.address}/live`);
      if (this.switchOff !== mine) return;
      if (answer) this.parts.now.replaceChildren(answer);
      const rest = EVERY_MS - (performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, answer ? Math.max(0, rest) : WAIT_MS));
    }
  }

  async keep() {
    const answer = await this.ask(this.dataset.address);
    if (!answer) return;
    this.querySelector("#answers").prepend(answer);
    window.htmx?.process(answer);
  }

  // The answer as a part of the page; null if there is none.
  async ask(address) {
    const body = new FormData();
    body.append("file", await takePicture(this.parts.view), "camera.jpg");
    try {
      const response = await fetch(address, { method: "POST", body, headers: { "HX-Request": "true" } });
      if (!response.ok) {
        this.say(await wordsOf(response));
        return null;
      }
      const { firstElementChild } = await readPart(response);
      this.say("");
      return firstElementChild;
    } catch {
      this.say("seehear does not answer. Start it again with `seehear serve`.");
      return null;
    }
  }

  say(words) {
    if (this.parts.words.textContent !== words) this.parts.words.textContent = words;
  }
}

customElements.define("sh-look", Look);
