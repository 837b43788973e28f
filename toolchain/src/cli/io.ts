import cliProgress from "cli-progress";
import type { Io } from "./command.js";

export function createIo(isJson: boolean): Io {
  return {
    isJson,
    say(text) {
      if (!isJson) process.stdout.write(`${text}\n`);
    },
    json(document) {
      if (isJson) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    },
    progress(label) {
      if (!process.stderr.isTTY) return { update() {}, stop() {} };
      const bar = new cliProgress.SingleBar({
        format: `${label} [{bar}] {percentage}% | {value}/{total} | {eta_formatted} left`,
        stream: process.stderr,
        hideCursor: true,
        clearOnComplete: true,
      });
      let started = false;
      return {
        update(done, total) {
          if (!started) {
            bar.start(total, done);
            started = true;
          }
          bar.setTotal(total);
          bar.update(done);
        },
        stop() {
          if (started) bar.stop();
        },
      };
    },
  };
}
