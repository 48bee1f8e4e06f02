import { findProgram } from "./programs.ts";

// A process loads its own program alone, before any module of the commands.
const program = findProgram(process.argv.slice(2));
if (program) {
  // The program reads its options as if it had been started by its path.
  process.argv.splice(2, 1);
  await import(program.href);
} else {
  await import("./commands/main.ts");
}
