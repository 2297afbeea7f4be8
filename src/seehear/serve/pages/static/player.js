// <sh-player>: keys that control the recording while you write, and playing one part of it in a loop.

class Player extends HTMLElement {
  connectedCallback() {
    this.sound = this.querySelector("audio");
    if (!this.sound) return;
    const end = Number(this.dataset.end);
    const start = Number(this.dataset.start ?? 0);
    this.sound.addEventListener("timeupdate", () => {
      if (end && this.sound.currentTime >= end) this.sound.currentTime = start;
    });
    this.addEventListener("keydown", (event) => this.press(event));
  }

  press(event) {
    if (event.key === "Escape") {
      if (this.sound.paused) this.sound.play();
      else this.sound.pause();
    } else if (event.key === "F2") {
      this.sound.currentTime = Math.max(Number(this.dataset.start ?? 0), this.sound.currentTime - 2);
    } else if (event.key === "F4") {
      this.sound.playbackRate = { 1: 0.75, 0.75: 0.5 }[this.sound.playbackRate] ?? 1;
    } else if (event.key === "Enter" && event.ctrlKey) {
      this.querySelector("form").requestSubmit();
    } else {
      return;
    }
    event.preventDefault();
  }
}

customElements.define("sh-player", Player);
