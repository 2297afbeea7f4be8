// <sh-camera>: takes pictures while a button is held, or one with each tap, and adds those that are kept.

import { openDevice } from "./devices.js";
import { chosenKind, chooseKindsByKeys } from "./kinds.js";
import { sendForm, stampNow } from "./sending.js";

const EVERY_MS = 400; // while the button is held
const JPEG_QUALITY = 0.92;
const MOST = 200; // pictures before they must be added

// What the camera sees now, as a JPEG.
export function takePicture(video) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
}

// Shows the camera in a video element. Returns a function that switches it off. Throws an Error for people.
export async function showCamera(video) {
  const stream = await openDevice("video", { facingMode: "environment", width: { ideal: 1280 } });
  video.srcObject = stream;
  await video.play();
  video.hidden = false;
  return () => {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
    video.hidden = true;
  };
}

class Camera extends HTMLElement {
  connectedCallback() {
    this.listening = new AbortController();
    const { signal } = this.listening;
    for (const name of ["view", "open", "take", "close", "words", "taken", "pieces", "add", "discard"]) {
      this[`${name}Part`] = this.querySelector(`[data-${name}]`);
    }
    this.pictures ??= [];
    this.querySelector("[data-scripted]").hidden = false;
    chooseKindsByKeys(this, signal);
    const on = (target, name, act) => target.addEventListener(name, act, { signal });
    on(this.openPart, "click", () => this.open());
    on(this.closePart, "click", () => this.close());
    on(this.takePart, "pointerdown", (event) => !event.button && this.hold());
    for (const name of ["pointerup", "pointercancel", "pointerleave"]) on(this.takePart, name, () => this.letGo());
    on(this.takePart, "click", (event) => event.detail === 0 && this.take());
    on(window, "blur", () => this.letGo());
    on(document, "visibilitychange", () => document.hidden && this.close());
    on(window, "beforeunload", (event) => this.pictures.length && event.preventDefault());
    on(this.addPart, "click", () => this.send());
    on(this.discardPart, "click", () => this.forget());
  }

  disconnectedCallback() {
    this.listening.abort();
    this.close();
  }

  async open() {
    this.say("Your browser may ask whether this page may use the camera.");
    try {
      this.switchOff = await showCamera(this.viewPart);
    } catch (error) {
      this.say(error.message);
      return;
    }
    if (!this.isConnected) {
      this.close();
      return;
    }
    this.say("Hold the button to take one picture after another.");
    this.showOpen(true);
  }

  close() {
    this.letGo();
    this.switchOff?.();
    this.switchOff = null;
    this.showOpen(false);
  }

  showOpen(open) {
    this.openPart.hidden = open;
    this.takePart.hidden = this.closePart.hidden = !open;
  }

  hold() {
    this.take();
    this.timer = setInterval(() => this.take(), EVERY_MS);
  }

  letGo() {
    clearInterval(this.timer);
  }

  async take() {
    if (!this.switchOff) return;
    if (this.pictures.length >= MOST) {
      this.letGo();
      this.say(`${MOST} pictures wait. Add them, then go on.`);
      return;
    }
    const picture = await takePicture(this.viewPart);
    this.pictures.push(picture);
    const [remove, shown] = ["button", "img"].map((name) => document.createElement(name));
    [shown.src, shown.alt] = [URL.createObjectURL(picture), `Picture ${this.pictures.length}`];
    [remove.type, remove.className] = ["button", "taken"];
    remove.setAttribute("aria-label", `Leave out picture ${this.pictures.length}`);
    remove.append(shown);
    remove.addEventListener("click", () => {
      this.pictures = this.pictures.filter((each) => each !== picture);
      URL.revokeObjectURL(shown.src);
      remove.remove();
      this.count();
    });
    this.takenPart.append(remove);
    this.count();
  }

  count() {
    const number = this.pictures.length;
    this.piecesPart.hidden = !number;
    this.addPart.textContent = number === 1 ? "Add 1 picture" : `Add ${number} pictures`;
    if (number) this.say("Press a picture to leave it out.");
  }

  forget() {
    this.pictures = [];
    for (const each of this.takenPart.querySelectorAll("img")) URL.revokeObjectURL(each.src);
    this.takenPart.replaceChildren();
    this.count();
    this.say("");
  }

  async send() {
    const body = new FormData();
    body.append("put", chosenKind(this));
    const stamp = stampNow();
    for (const [i, each] of this.pictures.entries()) body.append("file", each, `camera ${stamp} ${i + 1}.jpg`);
    this.addPart.disabled = true;
    const { answer, problem } = await sendForm(this.dataset.address, body, this.addPart, "Adding…");
    this.addPart.disabled = false;
    if (problem ?? answer.problems[0]) {
      this.say(problem ? `Not saved: ${problem} The pictures are kept in this page.` : answer.problems.join(" "));
      return;
    }
    this.pictures = [];
    location.assign(this.dataset.next);
  }

  say(words) {
    this.wordsPart.textContent = words;
  }
}

customElements.define("sh-camera", Camera);
