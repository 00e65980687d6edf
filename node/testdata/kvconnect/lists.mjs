// Selectors, directions, batches, limits and cursors.
import { all, deno, keys, kv, print, tell } from "./kv.mjs";

const L = (...parts) => ["lists", ...parts];
let batch = kv.atomic();
for (let i = 0; i < 25; i++) batch = batch.set(L("n", i), i);
for (const name of ["a", "b", "c", "d"]) batch = batch.set(L("s", name), name).set(L("s", name, 1), name + 1);
batch = batch.set(L("s"), "the prefix itself");
await batch.commit();

const values = async (selector, options) => (await all(kv.list(selector, options))).map((entry) => entry.value);
for (const reverse of [false, true]) {
  const way = reverse ? " in reverse" : "";
  print("prefix" + way, await values({ prefix: L("s") }, { reverse }));
  print("prefix and start" + way, await values({ prefix: L("s"), start: L("s", "b") }, { reverse }));
  print("prefix and end" + way, await values({ prefix: L("s"), end: L("s", "c") }, { reverse }));
  print("start and end" + way, await values({ start: L("s", "a", 1), end: L("s", "d") }, { reverse }));
  print("start is end" + way, await values({ start: L("s", "a"), end: L("s", "a") }, { reverse }));
  print("nothing there" + way, await values({ prefix: L("none") }, { reverse }));
  for (const batchSize of [1, 2, 7, 24, 25, 26, 500]) {
    print(`batches of ${batchSize}${way}`, await values({ prefix: L("n") }, { batchSize, reverse }));
    print(`batches of ${batchSize}, limit 11${way}`, await values({ prefix: L("n") }, { batchSize, limit: 11, reverse }));
  }
  for (const limit of [1, 24, 25, 26, 1000]) print(`limit ${limit}${way}`, await values({ prefix: L("n") }, { limit, reverse }));

  // Page by page, by the cursor.
  const pages = [];
  let cursor;
  do {
    const iterator = kv.list({ prefix: L("n") }, { limit: 10, cursor, reverse });
    pages.push((await all(iterator)).map((entry) => entry.value));
    // npm's are made otherwise, and it has none at the end.
    if (deno) print("cursor" + way, iterator.cursor);
    cursor = pages.at(-1).length === 10 ? iterator.cursor : "";
  } while (cursor !== "");
  print("pages" + way, pages);
  const range = kv.list({ start: L("n", 3), end: L("n", 20) }, { limit: 5, batchSize: 2, reverse });
  const seen = (await all(range)).map((entry) => entry.value);
  print("a range from its cursor on" + way, [seen, await values({ start: L("n", 3), end: L("n", 20) }, { limit: 5, cursor: range.cursor, reverse })]);
}
print("eventual", (await values({ prefix: L("n") }, { consistency: "eventual" })).length >= 0);
const [entry] = await all(kv.list({ prefix: L("n") }, { limit: 1 }));
print("an entry", entry);

print("getMany", await kv.getMany([L("n", 1), L("none"), L("s"), L("n", 1)]));
print("getMany of ten", (await kv.getMany(Array.from({ length: 10 }, (_, i) => L("n", i)))).map((found) => found.value));
print("get of none", await kv.get(L("none")));

const refused = {
  "start before prefix": [{ prefix: L("s"), start: L("n", 1) }],
  "end behind prefix": [{ prefix: L("n"), end: L("s", 1) }],
  "prefix, start and end": [{ prefix: L("s"), start: L("s", 1), end: L("s", 2) }],
  "start alone": [{ start: L("s") }],
  "start behind end": [{ start: L("s"), end: L("n") }],
  "limit 0": [{ prefix: L("s") }, { limit: 0 }],
  "a batch of 1,001": [{ prefix: L("s") }, { batchSize: 1001 }],
  "a cursor that is none": [{ prefix: L("s") }, { cursor: "%%%" }],
};
for (const [what, [selector, options]] of Object.entries(refused)) await tell(what, () => keys(selector, options));
kv.close();
