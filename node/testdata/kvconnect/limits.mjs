// What is just within Deno's limits works, what is just beyond is refused.
import { all, kv, KvU64, print, tell } from "./kv.mjs";

const T = (...parts) => ["limits", ...parts];
const ok = async (call) => (await call()).ok ?? true;

// ["limits", bytes]: 02 "limits" 00, 01 ... 00 are 10 bytes of the key.
const key = (size) => ["limits", new Uint8Array(size - 10).fill(1)];
await tell("a key of 2,048 bytes", () => ok(() => kv.set(key(2048), 1)));
await tell("and is read", async () => (await kv.get(key(2048))).value);
await tell("a key of 2,049 bytes", () => kv.set(key(2049), 1));
await tell("and is read as nothing", async () => (await kv.get(key(2049))).value);
await tell("a key of 2,050 bytes read", async () => (await kv.get(key(2050))).value);
await tell("a key of 2,049 bytes deleted", () => kv.delete(key(2049)));
await tell("a key of 2,049 bytes checked", () => kv.atomic().check({ key: key(2050), versionstamp: null }).commit());

await tell("65,536 bytes", () => ok(() => kv.set(T("bytes"), new Uint8Array(65536))));
await tell("65,537 bytes", () => kv.set(T("bytes"), new Uint8Array(65537)));
// FF 0F 22, three bytes of length, then a byte for each character.
await tell("a string of 65,536 bytes", () => ok(() => kv.set(T("text"), "x".repeat(65536 - 6))));
await tell("and is read", async () => (await kv.get(T("text"))).value.length);
await tell("a string of 65,537 bytes", () => kv.set(T("text"), "x".repeat(65536 - 5)));
await tell("an array of 60,000 bytes as V8", async () => {
  await kv.set(T("array"), Array.from({ length: 20000 }, () => 1000));
  return (await kv.get(T("array"))).value.length;
});

const many = (n) => Array.from({ length: n }, (_, i) => T("many", i));
await tell("ten keys", async () => (await kv.getMany(many(10))).length);
await tell("eleven keys", () => kv.getMany(many(11)));
await tell("no key", () => kv.getMany([]));

const operation = (n, add) => many(n).reduce(add, kv.atomic());
const checks = (n) => operation(n, (atomic, key) => atomic.check({ key, versionstamp: null }));
await tell("100 checks", () => ok(() => checks(100).commit()));
await tell("101 checks", () => checks(101).commit());
await tell("1,000 mutations", () => ok(() => operation(1000, (atomic, key) => atomic.set(key, 1)).commit()));
await tell("1,001 mutations", () => operation(1001, (atomic, key) => atomic.set(key, 1)).commit());
await tell("1,000 are there", async () => (await all(kv.list({ prefix: T("many") }))).length);
await tell("1,000 deletes", () => ok(() => operation(1000, (atomic, key) => atomic.delete(key)).commit()));
const large = (n, size) => operation(n, (atomic, key) => atomic.set(key, new Uint8Array(size)));
await tell("800,000 bytes", () => ok(() => large(20, 40000).commit()));
await tell("840,000 bytes", () => large(21, 40000).commit());
await tell("a batch of 1,000 entries", async () => (await all(kv.list({ prefix: T("many") }, { batchSize: 1000 }))).length);

// The largest answer: 100 entries of 64 KiB in a batch.
for (let i = 0; i < 100; i += 10) {
  await operation(10, (atomic, _, j) => atomic.set(T("big", i + j), new Uint8Array(65536).fill(i + j))).commit();
}
const big = await all(kv.list({ prefix: T("big") }));
print("6.4 MB in one answer", [big.length, big.every(({ value }, i) => value.length === 65536 && value[9] === i)]);
await tell("u64 over 64 bits", () => kv.set(T("u64"), new KvU64(2n ** 64n)));
await tell("negative u64", () => kv.set(T("u64"), new KvU64(-1n)));
kv.close();
