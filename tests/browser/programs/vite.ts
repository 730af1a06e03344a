/** Prints what vite makes of the entry that is named: one file for browsers. */
import process from "node:process";
import { build } from "vite";

async function main(entry: string): Promise<void> {
  const made = await build({
    configFile: false,
    logLevel: "error",
    publicDir: false,
    build: {
      write: false,
      minify: true,
      lib: { entry, formats: ["es"], fileName: "sluice" },
      rolldownOptions: { output: { codeSplitting: false } },
    },
  });
  const [{ output }] = made as { output: { type: string; code?: string }[] }[];
  for (const { type, code } of output) if (type === "chunk") process.stdout.write(code!);
}

void main(process.argv[2]);
