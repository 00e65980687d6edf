// A KvU64 that REST sums, too: it goes up to 2^64-1 there, and wraps here.
import { kv, KvU64, print } from "./kv.mjs";

const key = ["sums", "n"];
await kv.set(key, new KvU64(2n ** 64n - 3n));
const watch = kv.watch([key]).getReader();
for (;;) {
  const { value: [{ value }] } = await watch.read();
  print("is", value);
  if (value.value === 2n ** 64n - 1n) break;
}
await kv.atomic().sum(key, 5n).commit();
print("wraps to", (await kv.get(key)).value);
await watch.cancel();
kv.close();
