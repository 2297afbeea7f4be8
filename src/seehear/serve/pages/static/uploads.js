// Sends files so that a connection that is cut loses nothing: what failed is sent again, and a large file goes on where
// it stopped (tus 1.0.0). Whoever calls is told, and gives up only when nothing has come through for a while.

const LARGE = 16 << 20; // bytes from which a file is sent in pieces
const PIECE = 4 << 20;
const PAUSES_S = [1, 2, 4, 8, 15]; // before another attempt
const TUS = { "Tus-Resumable": "1.0.0" };

export class Refused extends Error {} // by the server, in words

export const isLarge = (file) => file.size > LARGE;

// The response of fetch, after as many attempts as it takes. `say` gets words while it waits.
export async function send(address, options, say) {
  for (const pause of [...PAUSES_S, null]) {
    try {
      const response = await fetch(address, options);
      if (response.status !== 503) return response;
    } catch {
      // the connection was cut, or the server is not there
    }
    if (pause === null) throw new Refused("seehear does not answer.");
    say?.("seehear does not answer. Trying again…");
    await new Promise((done) => setTimeout(done, 1000 * pause));
  }
}

// Sends one file in pieces; `metadata` says what it is for. Resolves to what became of it: added, known, problems.
export async function sendInPieces(project, file, metadata, say) {
  const written = Object.entries(metadata).map(([name, value]) => `${name} ${encode(value)}`);
  const headers = { ...TUS, "Upload-Length": file.size, "Upload-Metadata": written.join(",") };
  const made = await send(`${project}/uploads`, { method: "POST", headers }, say);
  await check(made);
  const address = made.headers.get("location");
  let [offset, inVain] = [0, 0];
  while (offset < file.size) {
    say?.(`Sending ${file.name}: ${Math.floor((100 * offset) / file.size)} %`);
    const reached = await sendPiece(address, file, offset, say);
    inVain = reached > offset ? 0 : inVain + 1;
    if (inVain > PAUSES_S.length) throw new Refused("The connection to seehear keeps failing.");
    offset = reached;
  }
  const shown = await send(address, {}, say);
  await check(shown);
  const result = await shown.json();
  if (result.error) throw new Refused(result.error);
  return result;
}

// The offset after one more piece, or after the server was asked how much had come through.
async function sendPiece(address, file, offset, say) {
  const headers = { ...TUS, "Upload-Offset": offset, "Content-Type": "application/offset+octet-stream" };
  const body = file.slice(offset, offset + PIECE);
  let response = null;
  try {
    response = await fetch(address, { method: "PATCH", headers, body });
  } catch {
    // it may have come through all the same
  }
  if (response === null || [408, 409, 503].includes(response.status)) {
    response = await send(address, { method: "HEAD", headers: TUS }, say);
  }
  await check(response);
  return Number(response.headers.get("upload-offset"));
}

async function check(response) {
  if (response.ok) return;
  const told = await response.json().catch(() => ({}));
  throw new Refused(told.error ?? `seehear answers ${response.status}.`);
}

function encode(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
