// The page at `/`: opens the chat, sends what a button says, and shows the snippet with this gateway's address in it.
const chat = document.querySelector("chat-relay");
const snippet = document.querySelector("#snippet");
const copied = document.querySelector("#copied");
const TOLD_MS = 4_000;
let told;

snippet.textContent = [
  `<script type="module" src="${new URL("widget/widget.js", location.href)}"></script>`,
  "<chat-relay></chat-relay>",
].join("\n");

async function copySnippet() {
  clearTimeout(told);
  try {
    await navigator.clipboard.writeText(snippet.textContent);
    copied.textContent = "Copied.";
    told = setTimeout(() => (copied.textContent = ""), TOLD_MS);
  } catch {
    // Not allowed, or not over plain HTTP: the reader copies by hand what is selected.
    getSelection().selectAllChildren(snippet);
    copied.textContent = "Selected: copy it with your keyboard.";
  }
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (button === null) return;
  if ("copy" in button.dataset) void copySnippet();
  if ("open" in button.dataset) chat.open();
  if ("send" in button.dataset) {
    chat.open();
    chat.send(button.dataset.send);
  }
});
