// Twenty incrementers that race by checks, and twenty that add.
import { kv, print } from "./kv.mjs";

const C = (...parts) => ["counters", ...parts];
await kv.set(C("checked"), 0);
await kv.delete(C("summed"));

async function increment() {
  for (;;) {
    const entry = await kv.get(C("checked"));
    const { ok } = await kv.atomic().check(entry).set(C("checked"), entry.value + 1).commit();
    if (ok) return;
  }
}
const twenty = (times, act) => Promise.all(Array.from({ length: 20 }, async () => { for (let i = 0; i < times; i++) await act(); }));
await twenty(10, increment);
await twenty(10, () => kv.atomic().sum(C("summed"), 1n).commit());
print("20 incrementers, 10 times each", (await kv.get(C("checked"))).value);
print("20 that add, 10 times each", (await kv.get(C("summed"))).value);

let free = 0;
await twenty(1, async () => { if ((await kv.atomic().check({ key: C("lock"), versionstamp: null }).set(C("lock"), 1).commit()).ok) free++; });
print("one of twenty gets the lock", free);
kv.close();
