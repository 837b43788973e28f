#!/usr/bin/env node
import { exportDigits } from "./digits-data.js";

/** `npm run data:digits -w @mote/toolchain -- DIR`: the digits as data sets that every `mote` command reads. */
const paths = await exportDigits(process.argv[2] ?? "digits-data");
process.stdout.write(`${JSON.stringify(paths, null, 2)}\n`);
