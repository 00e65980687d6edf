// Entries that expire. Here they are gone at once when their time is over; a local Deno
// file removes them within a minute, so only what both promise is printed.
import { kv, KvU64, print, tell } from "./kv.mjs";

const E = (...parts) => ["expiry", ...parts];
await kv.set(E("long"), 1, { expireIn: 3_600_000 });
print("before its time", (await kv.get(E("long"))).value);
await kv.set(E("kept"), 1, { expireIn: 300 });
await kv.set(E("kept"), 2);
await kv.set(E("sum"), new KvU64(1n), { expireIn: 300 });
await kv.atomic().sum(E("sum"), 1n).commit();
await kv.atomic().set(E("atomic"), "gone", { expireIn: 300 }).set(E("stays"), "here").commit();
await kv.set(E("short"), "gone", { expireIn: 300 });
if (kv.commitVersionstamp) await kv.set([...E("stamped"), kv.commitVersionstamp()], 1, { expireIn: 300 });

// The promise is "never early"; a local file is only asked for what stays.
const begun = Date.now();
do await new Promise((resolve) => setTimeout(resolve, 50)); while (Date.now() - begun < 600);
print("without expireIn it stays", (await kv.get(E("kept"))).value);
print("a sum clears it", (await kv.get(E("sum"))).value);
print("beside one that expires", (await kv.get(E("stays"))).value);
kv.close();
