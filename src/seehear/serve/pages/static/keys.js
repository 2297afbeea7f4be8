// Single keys. An element with the attribute data-key is clicked by that key, unless a text field has the focus or
// single keys are switched off.

const WRITES = "input:not([type=radio], [type=checkbox], [type=file]), textarea, select, [contenteditable]";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (document.body.dataset.singleKeys === "off" || event.target.closest(WRITES)) return;
  if (event.key === "?") {
    location.assign("/help/keys");
    return;
  }
  if (event.target.closest("button, a, summary, audio, [role=option]") && [" ", "Enter"].includes(event.key)) return;
  const wanted = [...document.querySelectorAll("[data-key]")].find(
    (each) => each.dataset.key.toLowerCase() === event.key.toLowerCase() && each.offsetParent !== null,
  );
  if (!wanted) return;
  event.preventDefault();
  wanted.click();
});
