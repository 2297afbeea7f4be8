// Sends what a script has collected, and says in words why that failed.

import { readPart } from "./parts.js";

// Returns { answer } or { problem }. The button says `busy` meanwhile.
export async function sendForm(address, body, button, busy) {
  const words = button.textContent;
  button.textContent = busy;
  try {
    const headers = { Accept: "application/json", "HX-Request": "true" }; // errors as a part of a page
    const response = await fetch(address, { method: "POST", body, headers });
    if (response.ok) return { answer: await response.json() };
    const part = await readPart(response);
    return { problem: part.querySelector(".problem code")?.textContent ?? response.statusText };
  } catch {
    return { problem: "seehear does not answer. Start it again with `seehear serve`, then try once more." };
  } finally {
    button.textContent = words;
  }
}

// The time in the name of a file that was made here.
export function stampNow() {
  return new Date().toISOString().slice(0, 19).replaceAll(":", "-");
}
