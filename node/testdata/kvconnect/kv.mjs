// What the programs beside share. Each takes where the database is as its first argument,
// an http:// URL or a file, and prints a line of JSON for each thing that it finds out:
// [what, result]. It runs under Deno and, with @deno/kv, under Node.
import { createRequire } from "node:module";
import process from "node:process";
import { text } from "./show.mjs";

export { text };
export const deno = globalThis.Deno !== undefined;
export const [path, ...rest] = process.argv.slice(2);

// KV_MODULES is where make tools has put modules of npm, which is not above this file.
export const require = createRequire(`${process.env.KV_MODULES}/`);
const client = deno ? Deno : require("@deno/kv");
export const { KvU64 } = client;
export const kv = await client.openKv(path);

export function print(what, result) {
  console.log(JSON.stringify([what, text(result)]));
}

// tell prints what call returns or throws.
export async function tell(what, call) {
  try {
    print(what, await call());
  } catch (error) {
    console.log(JSON.stringify([what, `refused: ${error.name}: ${error.message}`]));
  }
}

export async function all(iterator) {
  const found = [];
  for await (const entry of iterator) found.push(entry);
  return found;
}

export async function keys(selector, options) {
  return (await all(kv.list(selector, options))).map((entry) => entry.key);
}
