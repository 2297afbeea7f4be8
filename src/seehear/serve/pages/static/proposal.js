// <sh-proposal>: lets the version that answers write down what is said, for somebody to correct. It fills in a field that
// is still empty; what it is unsure of is listed below, and F8 selects one after another.

import { readPart } from "./parts.js";

class Proposal extends HTMLElement {
  connectedCallback() {
    this.field = document.querySelector("#answer");
    this.field.addEventListener("input", () => this.field.classList.remove("proposed"));
    this.closest("sh-player")?.addEventListener("next-unsure", () => this.next());
    this.addEventListener("click", (event) => this.press(event));
    this.at = -1;
    if ("auto" in this.dataset) this.load();
  }

  async load() {
    this.textContent = "Writing a proposal…";
    try {
      const response = await fetch(this.dataset.address, { headers: { "HX-Request": "true" } });
      this.replaceChildren(await readPart(response));
    } catch {
      this.textContent = "There is no proposal: seehear does not answer.";
      return;
    }
    if (!this.field.value) this.use();
  }

  press(event) {
    const word = event.target.closest("[data-word]");
    if (event.target.closest("[data-use]")) this.use();
    if (event.target.closest("[data-load]")) {
      event.preventDefault();
      this.load();
    }
    if (word) this.select(word);
  }

  use() {
    const said = this.querySelector("[data-text]");
    if (!said) return;
    this.field.value = said.dataset.text;
    this.field.classList.add("proposed");
    this.field.focus();
  }

  get unsure() {
    return [...this.querySelectorAll("[data-word]")];
  }

  next() {
    if (!this.unsure.length) return;
    this.at = (this.at + 1) % this.unsure.length;
    this.select(this.unsure[this.at]);
  }

  // Select the word in the field, and go to it in the recording.
  select(word) {
    this.at = this.unsure.indexOf(word);
    const before = this.unsure.slice(0, this.at).filter((each) => each.dataset.word === word.dataset.word).length;
    const found = [...this.field.value.matchAll(new RegExp(`(?<!\\S)${escapeText(word.dataset.word)}(?!\\S)`, "g"))];
    const match = found[before] ?? found[0];
    this.field.focus();
    if (match) this.field.setSelectionRange(match.index, match.index + match[0].length);
    const sound = this.closest("sh-player")?.querySelector("audio");
    if (sound && word.dataset.start) sound.currentTime = Math.max(0, Number(word.dataset.start) - 0.3);
  }
}

function escapeText(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

customElements.define("sh-proposal", Proposal);
