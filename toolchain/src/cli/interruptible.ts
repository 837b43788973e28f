import { InterruptedError } from "../errors.js";

/**
 * Runs a long job that Ctrl-C stops between two steps. `leftBehind` tells the user what is on the disk then. A second
 * Ctrl-C ends the process at once.
 */
export async function interruptible<T extends { readonly completed: boolean }>(
  leftBehind: string,
  job: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const onInterrupt = (): void => controller.abort();
  process.once("SIGINT", onInterrupt);
  try {
    const result = await job(controller.signal);
    if (!result.completed) throw interrupted(leftBehind);
    return result;
  } catch (error) {
    if (controller.signal.aborted && !(error instanceof InterruptedError))
      throw interrupted(leftBehind, error);
    throw error;
  } finally {
    process.off("SIGINT", onInterrupt);
  }
}

function interrupted(leftBehind: string, cause?: unknown): InterruptedError {
  return new InterruptedError({
    expected: "the job to run to its end",
    got: "an interrupt",
    todo: `${leftBehind} Run it again, with less to do if it takes too long.`,
    cause,
  });
}
