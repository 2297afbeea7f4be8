// <sh-proposed-stretches>: asks for the proposals of one portion of a recording after another, while they are accepted,
// corrected and rejected. Each is a row of one form; the waveform shows those rows too.

import { toClock } from "./clock.js";
import { readPart, wordsOf } from "./parts.js";

const MOST = 500; // proposals on the page; then it waits until some are accepted or rejected

class ProposedStretches extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("[data-accepting]");
    this.table = this.querySelector("table.stretches");
    this.rejected = []; // { row, after }
    this.begin = null; // where to listen next, in seconds; null before the first time and after the last
    this.querySelector("[data-ask]").addEventListener("submit", (event) => this.ask(event));
    for (const each of this.querySelectorAll("[data-later], [data-accepting] > [type=hidden]")) each.remove(); // for pages without scripts
    for (const each of this.querySelectorAll("[data-accept-chosen], [data-reject-chosen], [data-next], [data-reject-all]")) each.hidden = false;
    const press = (name, act) => this.querySelector(`[data-${name}]`).addEventListener("click", act);
    press("accept-chosen", () => (this.chosen ? this.chosen.querySelector("[data-accept]").click() : this.next()));
    press("reject-chosen", () => (this.chosen ? this.reject([this.chosen]) : this.next()));
    press("next", () => this.next(this.chosen));
    press("reject-all", () => this.reject(this.rows));
    press("take-back", () => this.takeBack());
    press("go-on", () => this.goOn());
    this.form.addEventListener("click", (event) => {
      if (event.target.closest("[data-reject]")) this.reject([event.target.closest("tr")]);
    });
    this.addEventListener("submit", (event) => event.target === this.form && this.accept(event), { capture: true });
    document.addEventListener("htmx:afterSwap", (event) => this.removeAccepted(event));
    this.prepare(this.rows);
    this.tell();
  }

  get rows() {
    return [...this.table.querySelectorAll("tr[data-proposed]")];
  }

  // The row that was chosen in the table or in the waveform.
  get chosen() {
    return this.rows.find((row) => row.classList.contains("chosen"));
  }

  // Listening

  async ask(event) {
    event.preventDefault();
    this.table.querySelectorAll("tbody").forEach((each) => each.remove());
    this.rejected = [];
    this.begin = 0;
    this.unsure = 0;
    await this.goOn();
  }

  async goOn() {
    const search = {};
    this.search = search;
    this.querySelector("[data-go-on]").hidden = true;
    if (!this.begin) this.say("Listening…");
    this.tell();
    while (this.begin !== null && this.rows.length < MOST) {
      const portion = await this.listen();
      if (this.search !== search) return;
      if (!portion) return this.pause();
      this.append(portion);
    }
    if (this.begin !== null) this.pause();
  }

  // The rows of the next portion; null if the server refused or did not answer.
  async listen() {
    const asked = new URLSearchParams({ begin: this.begin });
    if (this.querySelector("[name=unsure]:checked")) asked.set("unsure", "true");
    try {
      const response = await fetch(`${this.dataset.address}?${asked}`, { headers: { "HX-Request": "true" } });
      if (response.ok) return await readPart(response);
      this.say(`Nothing could be proposed: ${await wordsOf(response)}`);
    } catch {
      this.say("Nothing could be proposed: seehear does not answer.");
    }
    return null;
  }

  pause() {
    const button = this.querySelector("[data-go-on]");
    button.textContent = `Listen on from ${toClock(this.begin)}`;
    button.hidden = false;
  }

  append(portion) {
    const found = portion.querySelector("tbody");
    const { until, duration, unsure, precision } = found.dataset;
    this.begin = "finished" in found.dataset ? null : Number(until);
    this.unsure += Number(unsure);
    const rows = [...found.querySelectorAll("tr")];
    const far = this.begin === null ? "It has listened to all of it." : `It has listened to ${toClock(this.begin)} of ${toClock(Number(duration))}.`;
    this.say([far, this.unsure ? `It is unsure of ${this.unsure} more.` : "", precision].filter(Boolean).join(" "));
    if (rows.length) this.table.append(found);
    this.prepare(rows);
    this.tell();
  }

  prepare(rows) {
    for (const row of rows) {
      row.querySelector("[data-reject]").hidden = false;
      row.querySelector(".leave").remove();
    }
  }

  // Accepting: what was sent goes once the server has stored it. The rest stays as it is.

  accept(event) {
    const one = event.submitter?.closest("tr");
    this.accepted = one ? [one] : this.rows.filter(kindOf);
    if (this.accepted.every(kindOf) && this.accepted.length) return;
    event.preventDefault();
    event.stopPropagation();
    this.say(one ? "Say what it is, then accept it." : "None of these has a kind yet: say what they are.");
  }

  removeAccepted(event) {
    if (!this.accepted || event.detail.target.id !== "stretches") return;
    const next = this.after(this.accepted.at(-1));
    this.accepted.forEach((row) => row.remove());
    this.accepted = null;
    this.tell();
    this.focusRow(next);
  }

  reject(rows) {
    const next = this.after(rows.at(-1));
    for (const row of rows) this.rejected.push({ row, after: row.previousElementSibling, body: row.parentElement });
    for (const row of rows) row.remove();
    this.tell();
    this.focusRow(next);
  }

  takeBack() {
    while (this.rejected.length) {
      const { row, after, body } = this.rejected.pop();
      if (after?.isConnected) after.after(row);
      else body.prepend(row);
    }
    this.tell();
  }

  // Showing

  // The row after one that will go, or else the one before it.
  after(row) {
    const rows = this.rows;
    const at = rows.indexOf(row);
    return rows[at + 1] ?? rows[at - 1] ?? null;
  }

  next(row) {
    const rows = this.rows;
    this.focusRow(rows[rows.indexOf(row) + 1] ?? rows[0]);
  }

  // Beginning with the button, since single keys do not work in a field.
  focusRow(row) {
    if (!row?.isConnected) return;
    row.querySelector("[data-accept]").focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  // What changed, to people and to the waveform.
  tell() {
    const rows = this.rows;
    rows.forEach((row, i) => (row.querySelector("[data-accept]").value = i));
    this.form.hidden = !rows.length && !this.rejected.length;
    this.querySelector("[data-title]").textContent = rows.length ? `${rows.length} proposal${rows.length === 1 ? "" : "s"}` : "Proposals";
    const back = this.querySelector("[data-take-back]");
    back.hidden = !this.rejected.length;
    back.textContent = `Take back the ${this.rejected.length} rejected`;
    document.dispatchEvent(new Event("proposals"));
  }

  say(words) {
    this.querySelector("[data-words]").textContent = words;
  }
}

function kindOf(row) {
  return row.querySelector("[name=answer]").value;
}

customElements.define("sh-proposed-stretches", ProposedStretches);
