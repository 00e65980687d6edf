// Entries are there until their time is over, and not a moment longer.
import { all, kv, print } from "./kv.mjs";

const X = (...parts) => ["expired", ...parts];
const life = 500;
const begun = Date.now();
await kv.atomic().set(X("short"), 1, { expireIn: life }).set(X("beside"), 2).commit();
const watch = kv.watch([X("short"), X("beside")]).getReader();

// What was answered before the time was over must have shown it.
let early = false, entry;
do {
  entry = await kv.get(X("short"));
  if (entry.value === null && Date.now() < begun + life) early = true;
} while (entry.value !== null);
print("early", early);
print("it has gone", entry);
print("from lists, too", (await all(kv.list({ prefix: X() }))).map(({ key }) => key[1]));
print("a check for nothing there", (await kv.atomic().check({ key: X("short"), versionstamp: null }).set(X("checked"), 1).commit()).ok);
for (;;) {
  const { value: [short, beside] } = await watch.read();
  if (short.value !== null) continue;
  print("a watch tells", [short.versionstamp, beside.value]);
  break;
}
await watch.cancel();
kv.close();
