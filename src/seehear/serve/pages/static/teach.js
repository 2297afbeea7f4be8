// <sh-kinds>: examples are dragged from one kind to another, and files are dropped onto a kind.
// <sh-files>: files are sent some at a time, so that sending thousands takes little memory and can be stopped.
// Without this script, both work as plain forms.

import { wordsOf } from "./parts.js";
import { isLarge, Refused, send, sendInPieces } from "./uploads.js";

class Kinds extends HTMLElement {
  connectedCallback() {
    this.addEventListener("dragstart", (event) => this.lift(event));
    this.addEventListener("dragover", (event) => this.hover(event));
    this.addEventListener("dragleave", (event) => event.target.closest?.("[data-kind]")?.classList.remove("over"));
    this.addEventListener("drop", (event) => this.drop(event));
    this.addEventListener("keydown", (event) => this.step(event));
    this.addEventListener("change", () => this.tell());
    this.addEventListener("submit", (event) => this.check(event), true);
    this.tell();
  }

  get chosen() {
    return [...this.querySelectorAll("input[name=example]:checked")];
  }

  // Dragging an example that is not selected selects it alone.
  lift(event) {
    const box = event.target.closest(".thumb")?.querySelector("input[name=example]");
    if (!box) return;
    if (!box.checked) {
      for (const each of this.chosen) each.checked = false;
      box.checked = true;
    }
    event.dataTransfer.setData("text/x-seehear", "chosen");
    event.dataTransfer.effectAllowed = "move";
    this.tell();
  }

  hover(event) {
    const kind = event.target.closest("[data-kind]");
    if (!kind) return;
    event.preventDefault();
    kind.classList.add("over");
  }

  drop(event) {
    const kind = event.target.closest("[data-kind]");
    if (!kind) return;
    event.preventDefault();
    event.stopPropagation();
    kind.classList.remove("over");
    if (event.dataTransfer.files.length) {
      document.querySelector("sh-files").send([...event.dataTransfer.files], kind.dataset.kind);
      return;
    }
    const put = [...this.querySelectorAll("button[name=put]")].find((each) => each.value === kind.dataset.kind);
    put?.click();
  }

  // Arrows move between examples, in reading order.
  step(event) {
    const box = event.target.closest("input[name=example]");
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!box || !by) return;
    event.preventDefault();
    const boxes = [...this.querySelectorAll("input[name=example]")];
    const next = boxes[boxes.indexOf(box) + by];
    if (!next) return;
    next.focus();
    if (event.shiftKey) {
      next.checked = true;
      this.tell();
    }
  }

  check(event) {
    if (this.chosen.length) return;
    event.preventDefault();
    event.stopPropagation();
    this.words.textContent = "Select some first; then move them to";
  }

  tell() {
    const number = this.chosen.length;
    if (this.words) this.words.textContent = number ? `Move the ${number} selected to` : "Move selected to";
  }

  get words() {
    return this.querySelector("#placing-words");
  }
}

// The next files of one request, which the server adds as one change: few enough that their progress is seen.
function takeSome(files, first) {
  const [mostFiles, mostBytes] = [20, 16 << 20];
  let bytes = files[first].size;
  let end = first + 1;
  while (end < files.length && end - first < mostFiles && bytes + files[end].size <= mostBytes) bytes += files[end++].size;
  return files.slice(first, end);
}

class Files extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.words = this.querySelector("[data-words]");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send([...this.form.elements.file.files], this.form.elements.put?.value ?? "");
    });
  }

  async send(files, kind) {
    if (this.busy || !files.length) return;
    this.busy = true;
    const problems = [];
    let [added, known] = [0, 0];
    let sent = 0;
    while (sent < files.length) {
      this.words.textContent = `Adding: ${sent + 1} of ${files.length}`;
      const some = takeSome(files, sent);
      const result = await this.post(some, kind);
      if (result.refused) return this.stop(result.refused, sent, files.length);
      sent += some.length;
      added += result.added;
      known += result.known;
      problems.push(...result.problems);
    }
    this.busy = false;
    if (problems.length) {
      const here = known ? `, ${known} here already` : "";
      this.tell(`${added} added${here}. Left out: ${problems.slice(0, 20).join(" · ")}`, added);
    } else {
      location.reload();
    }
  }

  async post(files, kind) {
    const say = (words) => (this.words.textContent = words);
    try {
      if (isLarge(files[0])) {
        const metadata = { filename: files[0].name, put: kind };
        return await sendInPieces(this.dataset.address, files[0], metadata, say);
      }
      const body = new FormData();
      body.append("put", kind);
      for (const file of files) body.append("file", file);
      const headers = { Accept: "application/json", "HX-Request": "true" }; // an error is a part of a page
      const response = await send(this.form.action, { method: "POST", body, headers }, say);
      return response.ok ? await response.json() : { refused: await wordsOf(response) };
    } catch (error) {
      return { refused: error.message };
    }
  }

  stop(refused, done, all) {
    this.busy = false;
    this.tell(`${refused} ${done} of ${all} files are in. You can add all of them again: none is added twice.`, done);
  }

  // Words that should be read before the page is loaded again, so they come with a link that does so.
  tell(words, added) {
    this.words.textContent = words;
    if (!added) return;
    const link = document.createElement("a");
    link.href = location.pathname + location.search;
    link.textContent = "Show what was added";
    this.words.append(" ", link);
  }
}

// <sh-arriving>: a dropped folder is sent file by file, each with its path; then the server says what it understood.
class Arriving extends HTMLElement {
  connectedCallback() {
    this.words = this.querySelector("[data-words]");
    this.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      const [file] = event.target.elements.file.files;
      if (file) this.sendFiles([[file.name, file]]);
    });
    this.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.firstElementChild.classList.add("over");
    });
    this.addEventListener("dragleave", () => this.firstElementChild.classList.remove("over"));
    this.addEventListener("drop", (event) => {
      event.preventDefault();
      this.firstElementChild.classList.remove("over");
      const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
      this.send(entries);
    });
  }

  async send(entries) {
    const files = [];
    for (const entry of entries) await collect(entry, "", files);
    if (!files.length) return;
    await this.sendFiles(files);
  }

  // `files` are pairs of a path and a file.
  async sendFiles(files) {
    const say = (words) => (this.words.textContent = words);
    const project = this.dataset.address;
    try {
      const headers = { Accept: "application/json" };
      const made = await send(`${project}/arriving`, { method: "POST", body: new FormData(), headers }, say);
      const { address } = await made.json();
      const arriving = address.split("/").pop();
      for (const [i, [path, file]] of files.entries()) {
        say(`Sending: ${i + 1} of ${files.length}`);
        if (isLarge(file)) {
          await sendInPieces(project, file, { arriving, path }, say);
          continue;
        }
        const body = new FormData();
        body.append("path", path);
        body.append("file", file);
        const response = await send(`${address}/file`, { method: "POST", body }, say);
        if (!response.ok) throw new Refused(await wordsOf(response));
      }
      const { then } = this.dataset; // an address to which the key of what arrived is added
      location.assign(then ? then + address.split("/").at(-1) : address);
    } catch (error) {
      say(`${error.message} Nothing was added; drop it again.`);
    }
  }
}

// All files below a dropped file or folder, as [path, file].
async function collect(entry, folder, files) {
  const path = folder + entry.name;
  if (entry.isFile) {
    files.push([path, await new Promise((resolve, reject) => entry.file(resolve, reject))]);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const each of some) await collect(each, `${path}/`, files);
  }
}

customElements.define("sh-arriving", Arriving);
customElements.define("sh-kinds", Kinds);
customElements.define("sh-files", Files);
