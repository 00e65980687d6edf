// Measures Deno KV at a path or URL: "deno run -A --unstable-kv bench/deno.mjs PATH SECONDS".
// Prints how many calls a second there were of kv.set and of kv.get, with 64 in flight over
// 10,000 keys.
const [path, seconds] = Deno.args;
const kv = await Deno.openKv(path);
const value = { name: "Alice", mail: "alice@example.com", visits: 12, tags: ["a", "b"], at: 1700000000000 };
const key = () => ["bench", Math.floor(Math.random() * 10000)];

// rate is calls a second, after a fifth of the time to warm up.
async function rate(call) {
  const begun = performance.now(), counted = begun + seconds * 200, end = begun + seconds * 1200;
  let calls = 0;
  await Promise.all(Array.from({ length: 64 }, async () => {
    for (let now; (now = performance.now()) < end;) {
      await call();
      if (now >= counted) calls++;
    }
  }));
  return Math.round(calls / seconds);
}

for (let i = 0; i < 10000; i += 500) {
  const batch = kv.atomic();
  for (let j = i; j < i + 500; j++) batch.set(["bench", j], value);
  await batch.commit();
}
console.log(await rate(() => kv.set(key(), value)), await rate(() => kv.get(key())));
kv.close();
