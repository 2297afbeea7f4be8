// <sh-player>: keys that control the recording while you write, and playing one part of it in a loop.

const SPEEDS = { 1: 0.75, 0.75: 0.5 };
const BACK_S = 2;

class Player extends HTMLElement {
  connectedCallback() {
    this.sound = this.querySelector("audio");
    if (!this.sound) return;
    this.whole = [Number(this.dataset.start ?? 0), Number(this.dataset.end ?? Infinity)];
    this.repeated = [];
    if (this.whole[0]) this.sound.currentTime = this.whole[0];
    this.sound.addEventListener("timeupdate", () => this.loop());
    this.addEventListener("keydown", (event) => this.press(event));
  }

  loop() {
    const [start, end] = this.repeated.length === 2 ? this.repeated : this.whole;
    if (this.sound.currentTime >= end) this.sound.currentTime = start;
  }

  press(event) {
    const keys = {
      Escape: () => (this.sound.paused ? this.sound.play() : this.sound.pause()),
      F2: () => (this.sound.currentTime = Math.max(this.whole[0], this.sound.currentTime - BACK_S)),
      F4: () => (this.sound.playbackRate = SPEEDS[this.sound.playbackRate] ?? 1),
      F6: () => this.repeat(),
      F8: () => this.dispatchEvent(new Event("next-unsure")),
      Enter: () => this.querySelector("form.answering")?.requestSubmit(),
    };
    if (!keys[event.key] || (event.key === "Enter") !== event.ctrlKey) return;
    event.preventDefault();
    keys[event.key]();
  }

  // The first press begins the part that is repeated, the second ends it, the third goes on with all of it.
  repeat() {
    const at = this.sound.currentTime;
    this.repeated = this.repeated.length === 2 ? [] : [...this.repeated, at].sort((a, b) => a - b);
    this.sound.dispatchEvent(new CustomEvent("repeat", { detail: this.repeated.length === 2 ? this.repeated : null }));
  }
}

customElements.define("sh-player", Player);
