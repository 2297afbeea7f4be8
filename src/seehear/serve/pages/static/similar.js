// <sh-similar>: Y and N mark what was found and go on to the next one, arrows move, P plays.
// Without this script, the boxes are marked one by one.

const WRITES = "input[type=text], textarea, select";

class Similar extends HTMLElement {
  connectedCallback() {
    this.addEventListener("change", (event) => this.mark(event.target));
    document.addEventListener("keydown", (event) => this.press(event));
    this.tell();
  }

  get matches() {
    return [...this.querySelectorAll(".match")];
  }

  // Something is the same or not: marking it with one takes away the other.
  mark(box) {
    const match = box.closest(".match");
    if (!match) return;
    if (box.checked) {
      for (const each of match.querySelectorAll("input[type=checkbox]")) each.checked = each === box;
    }
    this.tell();
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(WRITES)) return;
    if (document.body.dataset.singleKeys === "off" || !this.isConnected) return;
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const name = { y: "yes", n: "no" }[event.key.toLowerCase()];
    if (step) this.move(step);
    else if (name) this.answer(name);
    else if (event.key.toLowerCase() === "p") this.now()?.querySelector("audio")?.play();
    else return;
    event.preventDefault();
  }

  // The one that has the focus; or else the first that is not marked.
  now() {
    const focused = document.activeElement?.closest(".match");
    return focused ?? this.matches.find((each) => !each.querySelector(":checked")) ?? this.matches[0];
  }

  answer(name) {
    const match = this.now();
    if (!match) return;
    match.querySelector(`input[name=${name}]`).click();
    match.querySelector(`input[name=${name}]`).focus();
    this.move(1);
  }

  move(by) {
    const matches = this.matches;
    const focused = document.activeElement?.closest(".match");
    const next = focused ? matches[matches.indexOf(focused) + by] : matches[0];
    next?.querySelector("input[name=yes]").focus();
  }

  tell() {
    const number = this.querySelectorAll("input[name=yes]:checked, input[name=yes][type=hidden]").length;
    const words = this.querySelector("[data-count]");
    if (words) words.textContent = number ? `Put the ${number} marked with yes into` : "Put those marked with yes into";
  }
}

customElements.define("sh-similar", Similar);
