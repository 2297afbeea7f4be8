// Sends a form until the server answers. What is on the page stays there in the meantime.

import { wordsOf } from "./parts.js";

const PAUSE_MS = 3000;

// `tell` says in words what goes wrong. Resolves to what the server answered, or to null if it refused.
export async function sendUntilAnswered(address, fields, tell, kept) {
  for (;;) {
    try {
      const response = await fetch(address, {
        method: "POST",
        body: new URLSearchParams(fields),
        headers: { Accept: "application/json", "HX-Request": "true" },
      });
      if (response.ok) return await response.json();
      if (response.status < 500) {
        tell(await wordsOf(response));
        return null;
      }
      const why = response.status === 503 ? "the server is busy." : await wordsOf(response);
      tell(`Not saved: ${why} ${kept}`);
    } catch {
      tell(`Not saved: the server does not answer. ${kept}`);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
