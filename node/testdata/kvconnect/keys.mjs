// Keys of all types of parts, and their order.
import { all, keys, kv, print, tell } from "./kv.mjs";

const parts = [
  new Uint8Array([]), new Uint8Array([0]), new Uint8Array([0, 255, 1]), new Uint8Array([255]),
  "", "\0", "a", "a\0b", "aa", "b", "é", "€", "\uffff", "🌎", "x".repeat(500),
  -(2n ** 64n), -(2n ** 64n - 1n), -(2n ** 63n), -256n, -255n, -1n, 0n, 1n, 255n, 256n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n, 3n ** 200n,
  -Infinity, -1e300, -1.5, -1, -Number.MIN_VALUE, 0, Number.MIN_VALUE, 1, 1.5, 2 ** 53, 1e300, Infinity, NaN,
  false, true,
];

for (const [i, part] of [...parts.entries()].reverse()) await kv.set(["keys", "order", part], i);
const listed = await all(kv.list({ prefix: ["keys", "order"] }));
print("order", listed.map((entry) => entry.value));
print("parts", listed.map((entry) => entry.key[2]));
for (const [i, part] of parts.entries()) {
  const found = await kv.get(["keys", "order", part]);
  if (found.value !== i) print("not found", [part, found.value]);
}

// By whole parts.
await kv.set(["keys", "us"], 1);
await kv.set(["keys", "us", "er"], 2);
await kv.set(["keys", "users"], 3);
print("whole parts", await keys({ prefix: ["keys", "us"] }));
await kv.set(["keys", 1, 1n, true, new Uint8Array([1, 2, 3]), "a"], "mixed");
print("mixed", (await kv.get(["keys", 1, 1n, true, new Uint8Array([1, 2, 3]), "a"])).value);
print("number is no bigint", (await kv.get(["keys", 1n])).value);
await kv.set(["keys", "twenty", ...Array.from({ length: 18 }, (_, i) => i)], "deep");
print("twenty parts", (await kv.get(["keys", "twenty", ...Array.from({ length: 18 }, (_, i) => i)])).value);
await tell("thirty parts", async () => {
  const deep = ["keys", "thirty", ...Array.from({ length: 28 }, (_, i) => i)];
  await kv.set(deep, "deeper");
  return [(await kv.get(deep)).value, await keys({ prefix: ["keys", "thirty"] })];
});
await tell("a part of 1,100 characters", async () => {
  await kv.set(["keys", "long", "y".repeat(1100)], 1);
  return (await keys({ prefix: ["keys", "long"] })).map((key) => key[2].length);
});
await tell("a part of 1,500 bytes", async () => {
  await kv.set(["keys", "bytes", new Uint8Array(1500).fill(7)], 1);
  return (await keys({ prefix: ["keys", "bytes"] })).map((key) => key[2].length);
});
await tell("a lone surrogate in a key", async () => {
  await kv.set(["keys", "lone", "a\ud83d"], 1);
  return keys({ prefix: ["keys", "lone"] });
});
await tell("other views are bytes", async () => {
  await kv.set(["keys", "views", new Uint16Array([1, 2])], 1);
  return keys({ prefix: ["keys", "views"] });
});
await tell("the key minus zero", async () => {
  await kv.set(["keys", "zeros", 0], "zero");
  await kv.set(["keys", "zeros", -0], "minus zero");
  return (await all(kv.list({ prefix: ["keys", "zeros"] }))).map((entry) => [entry.key[2], entry.value]);
});
await tell("the empty key is not there", () => kv.get([]));
await tell("setting the empty key", () => kv.set([], 1));
await tell("deleting the empty key", () => kv.delete([]));
await tell("a date as a part", () => kv.set(["keys", new Date(0)], 1));
await tell("null as a part", () => kv.get(["keys", null]));
kv.close();
