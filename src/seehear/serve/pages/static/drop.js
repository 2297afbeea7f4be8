// <sh-drop>: files that are dropped anywhere on the page, chosen, or pasted are sent by the form inside, one after another.
// Without this script, the form works with its button.

class Drop extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.field = this.querySelector("input[type=file]");
    this.words = this.querySelector("[data-words]");
    this.waiting = [];
    this.depth = 0;
    this.field.multiple = true;
    this.form.querySelector("button").hidden = true;
    this.field.addEventListener("change", () => this.send(this.field.files));
    const page = document.documentElement;
    page.addEventListener("dragenter", (event) => this.hover(event, 1));
    page.addEventListener("dragleave", (event) => this.hover(event, -1));
    page.addEventListener("dragover", (event) => event.preventDefault());
    page.addEventListener("drop", (event) => {
      event.preventDefault();
      this.hover(event, -this.depth);
      this.send(event.dataTransfer.files);
    });
    page.addEventListener("paste", (event) => {
      if (event.clipboardData.files.length) this.send(event.clipboardData.files);
    });
  }

  hover(event, change) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    this.depth = Math.max(0, this.depth + change);
    this.form.classList.toggle("over", this.depth > 0);
  }

  async send(files) {
    const idle = this.waiting.length === 0;
    this.waiting.push(...files);
    if (!idle) return;
    let done = 0;
    while (this.waiting.length) {
      const all = done + this.waiting.length;
      const late = setTimeout(() => this.say(all > 1 ? `Answering: ${done + 1} of ${all}` : "Answering…"), 300);
      await this.ask(this.waiting[0]);
      clearTimeout(late);
      this.waiting.shift();
      done += 1;
    }
    this.field.value = "";
    this.say(done > 1 ? `${done} files are answered.` : "");
  }

  // The request is made here rather than by the form, because a file field cannot be filled with one file after another.
  async ask(file) {
    const body = new FormData(this.form);
    for (const name of [...body.keys()]) if (body.get(name) instanceof File) body.delete(name);
    body.append(this.field.name, file);
    const answers = document.querySelector(this.dataset.answers);
    try {
      const response = await fetch(this.form.action, { method: "POST", body, headers: { "HX-Request": "true" } });
      const part = document.createElement("template");
      part.innerHTML = await response.text();
      const shown = [...part.content.children];
      answers.prepend(...shown);
      for (const each of shown) window.htmx?.process(each);
    } catch {
      this.say("seehear does not answer. Start it again with `seehear serve`, then try once more.");
    }
  }

  say(words) {
    this.words.textContent = words;
  }
}

customElements.define("sh-drop", Drop);
