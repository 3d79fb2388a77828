/** Repeats the step until the work is over, and fails with whichever fails first. */
export async function meanwhile(work: Promise<unknown>, step: () => Promise<void>): Promise<void> {
  const state = { over: false };
  const end = work.finally(() => (state.over = true));
  const stepping = async () => {
    while (!state.over) await step();
  };
  await Promise.all([end, stepping()]);
}
