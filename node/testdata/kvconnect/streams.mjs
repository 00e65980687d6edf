// One connection takes 500 writes at once, and 1,000 watches beside all else.
import { all, kv, print } from "./kv.mjs";

const S = (...parts) => ["streams", ...parts];
const sets = await Promise.allSettled(Array.from({ length: 500 }, (_, i) => kv.set(S("set", i), i)));
print("500 sets", sets.filter(({ status }) => status === "fulfilled").length);
print("refused", sets.filter(({ status }) => status !== "fulfilled").map(({ reason }) => reason.message));
print("are there", (await all(kv.list({ prefix: S("set") }))).length);

for (let i = 0; i < 10; i++) await kv.set(S("watched", i), 0);
const readers = Array.from({ length: 1000 }, (_, i) => kv.watch([S("watched", i % 10)]).getReader());
// next waits until all have seen n.
const next = (n) => Promise.all(readers.map(async (reader) => {
  for (;;) if ((await reader.read()).value[0].value === n) return 1;
}));
print("1,000 watches begin", (await next(0)).length);
for (let i = 0; i < 10; i++) await kv.set(S("watched", i), 1);
print("and see a write", (await next(1)).length);
await Promise.all(readers.map((reader) => reader.cancel()));
print("a write beside", (await kv.set(S("beside"), 1)).ok);
kv.close();
