// Parts of pages that the server sends to a script. They are made by its templates, which escape.

// The nodes of a response.
export async function readPart(response) {
  const part = document.createElement("template");
  part.innerHTML = await response.text();
  return part.content;
}

// The text of a response, such as an error.
export async function wordsOf(response) {
  return (await readPart(response)).textContent.replace(/\s+/g, " ").trim();
}
