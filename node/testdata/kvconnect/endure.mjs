// Goes on writing, reading and watching, whatever happens to the servers, until the entry
// ["endure", "stop"] is there. No error may reach it, and nothing that was answered be lost.
import process from "node:process";
import { all, deno, kv, KvU64, print } from "./kv.mjs";

const E = (...parts) => ["endure", ...parts];
const errors = [];
const written = new Map();
let answered = 0, increments = 0, events = 0, cut = 0, stopped = false;

// rounds does one thing after the other until the end. Its errors are counted.
async function rounds(act) {
  for (let n = 1; !stopped; n++) {
    try {
      await act(n);
      if (++answered % 100 === 0) print("answered", answered);
    } catch (error) {
      // npm's client does not repeat a write whose connection is cut, as that of a node that
      // dies is: the program has to. What has been written is the program's to know, too.
      if (!deno && ["fetch failed", "terminated"].includes(error.message)) cut++;
      else errors.push(`${error.name}: ${error.message}`);
      if (errors.length > 20) stopped = true;
    }
  }
}

const writer = (id) => rounds(async (n) => {
  await kv.set(E("n", id), n);
  written.set(id, n);
  const { value } = await kv.get(E("n", id));
  if (value !== n) throw new Error(`writer ${id} reads ${value} after ${n}`);
});
const incrementer = () => rounds(async () => {
  const entry = await kv.get(E("counter"));
  const next = new KvU64((entry.value?.value ?? 0n) + 1n);
  if ((await kv.atomic().check(entry).set(E("counter"), next).commit()).ok) increments++;
});
const lister = () => rounds(async () => {
  const before = new Map(written);
  for (const { key, value } of await all(kv.list({ prefix: E("n") }))) {
    if (value < (before.get(key[2]) ?? 0)) throw new Error(`${key} is ${value} after ${before.get(key[2])}`);
  }
});

// A watch never goes back.
const watch = kv.watch([E("n", 0), E("counter")]).getReader();
async function watcher() {
  let last = 0;
  for (;;) {
    const { done, value } = await watch.read();
    if (done) return;
    events++;
    if (value[0].value < last) errors.push(`the watch goes back from ${last} to ${value[0].value}`);
    last = value[0].value;
  }
}

async function stopper() {
  while (!stopped) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    try {
      stopped ||= (await kv.get(E("stop"))).value !== null;
    } catch (error) {
      errors.push(`${error.name}: ${error.message}`);
    }
  }
}

const watched = watcher();
await Promise.all([0, 1, 2, 3].map(writer).concat([incrementer(), incrementer(), lister(), stopper()]));
await watch.cancel();
await watched;
print("errors", errors);
print("many were cut", cut > 50);
const lost = [];
for (const [id, n] of written) {
  const { value } = await kv.get(E("n", id));
  if (value < n) lost.push([id, n, value]);
}
print("lost", lost);
const { value: counter } = await kv.get(E("counter"));
// More is possible: a commit whose answer was lost is repeated, and then its check fails.
print("increments lost", counter.value < BigInt(increments));
print("the watch saw something", events > 1);
print("ended", true);
kv.close();
// npm's client leaves timers and connections of what died behind, for which Node waits.
if (!deno) process.exit();
