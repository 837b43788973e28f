import { type ErrorParts, SystemError } from "../src/errors.js";

/** What to do about what the operating system says, by its own code. */
const TODO: Readonly<Record<string, string>> = {
  EACCES: "Check the rights, or name another place.",
  EADDRINUSE: "Stop the program that has it, or choose another port.",
  EADDRNOTAVAIL: "Choose an address that this machine has.",
  EDQUOT: "Make room, or name another place.",
  EEXIST: "Name another place; what is there is not written over.",
  EFBIG: "Name a smaller file.",
  EIO: "The disk fails: look at the system's log.",
  EISDIR: "Name a file, not a folder.",
  ELOOP: "Name the file itself: the links go round.",
  EMFILE: "Raise the limit of open files (ulimit -n).",
  ENAMETOOLONG: "Choose a shorter name.",
  ENOENT: "Check the path.",
  ENOSPC: "Make room, or name another place.",
  ENOTDIR: "Name a folder, not a file.",
  ENOTEMPTY: "Name an empty folder.",
  ENOTFOUND: "Check the name of the host.",
  EPERM: "Check the rights, or name another place.",
  EROFS: "The place can only be read: name another.",
};

/** The refusal of the operating system in the form that every message has; null for what is no such refusal. */
export function systemErrorOf(error: unknown): SystemError | null {
  if (!(error instanceof Error)) return null;
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  const todo = code === undefined ? undefined : TODO[code];
  if (todo === undefined || syscall === undefined) return null;
  const what: ErrorParts = {
    expected: `the system to allow "${path === undefined ? syscall : `${syscall} ${path}`}"`,
    got: error.message,
    todo,
    cause: error,
  };
  return new SystemError(what);
}
