// A link with data-opens shows the dialog of that id, and one with data-closes hides it. Without this script the links
// lead to the dialog, which is shown as the target of the address.

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-opens], [data-closes]");
  if (!link) return;
  event.preventDefault();
  if (link.dataset.opens) document.getElementById(link.dataset.opens).showModal();
  else link.closest("dialog").close();
});
