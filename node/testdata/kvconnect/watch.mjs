// Watches: the first state at once, then each change; what comes between may be left out.
import { deno, kv, KvU64, print, tell } from "./kv.mjs";

const W = (...parts) => ["watch", ...parts];

// until reads a watch until its entries are as wanted and says so.
async function until(what, reader, wanted) {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return print(what, "the watch has ended");
    if (wanted(value)) return print(what, value);
  }
}

await kv.set(W("a"), "begin");
const reader = kv.watch([W("a"), W("b")]).getReader();
await until("begins with what is there", reader, ([a]) => a.value === "begin");
await kv.set(W("b"), 1);
await until("a new key", reader, ([, b]) => b.value === 1);
await kv.atomic().set(W("a"), { x: 1 }).set(W("b"), new KvU64(2n)).commit();
await until("two at once", reader, ([a, b]) => a.value?.x === 1 && b.value?.value === 2n);
await kv.set(W("a"), undefined);
await until("undefined", reader, ([a]) => a.versionstamp !== null && a.value === undefined);
await kv.set(W("a"), new Uint8Array([1, 2]));
await until("bytes", reader, ([a]) => a.value instanceof Uint8Array);
await kv.delete(W("a"));
await until("a delete", reader, ([a]) => a.versionstamp === null);
await kv.atomic().sum(W("b"), 5n).commit();
await until("a sum", reader, ([, b]) => b.value?.value === 7n);
for (let i = 0; i < 50; i++) await kv.set(W("a"), i);
await until("the last of many", reader, ([a]) => a.value === 49);
await reader.cancel();

const ten = Array.from({ length: 10 }, (_, i) => W("ten", i));
await kv.set(ten[9], "last");
const all = kv.watch(ten).getReader();
await until("ten keys", all, (entries) => entries[9].value === "last");
await all.cancel();

if (deno) {
  // npm shows nothing until there is something.
  const nothing = kv.watch([W("nothing")]).getReader();
  await until("a key that is not there", nothing, () => true);
  await kv.set(W("nothing"), 1);
  await until("comes", nothing, ([entry]) => entry.value === 1);
  await nothing.cancel();
  await tell("eleven keys watched", () => kv.watch([...ten, W("eleventh")]).getReader().read());
}
kv.close();
