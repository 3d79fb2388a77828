// Preloaded into every service (`node --expose-gc --import`): on SIGUSR2 it gives back the memory that it does not use.
// Without that, what an idle process holds says when it last had reason to look, not whether it leaks.
process.on("SIGUSR2", () => {
  gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
});
