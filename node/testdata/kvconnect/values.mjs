// Values of every kind come back as they were.
import { deno, kv, KvU64, print, tell } from "./kv.mjs";

const cyclic = { name: "loop", list: [] };
cyclic.self = cyclic;
cyclic.list.push(cyclic, cyclic.list);
const shared = { x: 1 };
const buffer = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer;
const failure = new TypeError("boom", { cause: { code: 7 } });
const sparse = [1, , 3];
sparse.extra = "member";

const values = {
  undefined: undefined,
  null: null,
  true: true,
  false: false,
  zero: 0,
  "minus zero": -0,
  one: 1,
  "smallest int32": -(2 ** 31),
  "largest int32": 2 ** 31 - 1,
  "uint32": 2 ** 32 - 1,
  "largest safe integer": Number.MAX_SAFE_INTEGER,
  "beyond safe": 2 ** 53 + 2,
  fraction: 0.1,
  "smallest double": Number.MIN_VALUE,
  "largest double": Number.MAX_VALUE,
  "1e21": 1e21,
  NaN: NaN,
  infinity: Infinity,
  "minus infinity": -Infinity,
  "bigint zero": 0n,
  bigint: 123n,
  "negative bigint": -123n,
  "64 bits": 2n ** 64n - 1n,
  "large bigint": 3n ** 500n,
  "bigint of 256 bytes": 2n ** 2047n,
  "negative large bigint": -(2n ** 3000n),
  "u64 zero": new KvU64(0n),
  u64: new KvU64(7n),
  "largest u64": new KvU64(2n ** 64n - 1n),
  "empty string": "",
  string: "hello",
  latin: "é",
  euro: "€",
  globe: "🌎",
  "nul and controls": "a\0b\u0001\u001f\u007f\u2028",
  "high surrogate": "a\ud83d",
  "low surrogate": "\ude00b",
  "surrogates the wrong way round": "\ude00\ud83d",
  "long string": "x".repeat(60000),
  "long two-byte string": "€".repeat(30000),
  "empty object": {},
  object: { a: 1, b: "x", c: [true, null] },
  "numeric members": { 2: "b", 1: "a", x: 0, "-1": "c" },
  "__proto__ member": JSON.parse('{"__proto__": 1, "a": 2}'),
  "undefined member": { a: undefined },
  "nested minus zero": [-0, NaN],
  "unusual member names": { "": 1, "€": 2, "a b": 3, "\ud83d": 4 },
  "empty array": [],
  array: [1, "2", [3]],
  hole: [1, , 3],
  "only holes": new Array(3),
  "sparse with members": sparse,
  "long sparse": Object.assign([], { 1000: "far" }),
  deep: Array.from({ length: 400 }).reduce((inside) => [inside], "deep"),
  date: new Date(1700000000123),
  "invalid date": new Date(NaN),
  "date in an object": { at: new Date(0) },
  regexp: /a(b)?\/c/giu,
  map: new Map([["a", 1], [{ k: 1 }, new Map()], [NaN, undefined]]),
  set: new Set([1, "x", null, [1]]),
  "wrapped number": Object(1),
  "wrapped string": Object("s"),
  "wrapped boolean": Object(false),
  "wrapped bigint": Object(5n),
  "array buffer": buffer,
  cyclic: cyclic,
  "shared object": [shared, shared, { shared }],
  "cyclic map": (() => { const m = new Map(); m.set("me", m); return m; })(),
  "looks like a form": { __type: "u64", value: "7" },
  "looks like bytes": { __type: "bytes", value: "AQID" },
  "looks like a bigint": { __type: "bigint", value: "-5" },
  "looks like v8": { __type: "v8", value: "/w9f" },
  "looks like v8 with text": { __type: "v8", value: "/w9f", text: "undefined" },
  "looks almost like a form": { __type: "u64", value: "07" },
  "a form inside": { a: { __type: "u64", value: "7" } },
  "the value $now": { $now: true },
  bytes: new Uint8Array([0, 1, 254, 255]),
  "no bytes": new Uint8Array(0),
  "many bytes": new Uint8Array(65536).map((_, i) => i * 7),
};

// Node's v8.serialize writes views in a way of its own, which it alone reads back.
const views = {
  "nested bytes": { data: new Uint8Array([1, 2, 3]) },
  "part of a buffer": [new Uint8Array(buffer, 2, 3)],
  "all views": [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array].map((View) => new View(buffer)),
  "data view": { view: new DataView(buffer, 1, 4) },
  "top-level Float64Array": new Float64Array([1.5, -0, NaN]),
  "two views of one buffer": [new Uint8Array(buffer), new Uint16Array(buffer)],
};

const at = (what) => ["values", what];
for (const [what, value] of Object.entries({ ...values, ...views })) {
  await tell(`set ${what}`, async () => (await kv.set(at(what), value)).ok);
}
for (const what of Object.keys({ ...values, ...views })) {
  await tell(what, async () => {
    const entry = await kv.get(at(what));
    return [entry.versionstamp !== null, entry.value];
  });
}

// The stack is a member of the value, and names this file.
await kv.set(at("error"), failure);
const { value: error } = await kv.get(at("error"));
print("error", [error.name, error.message, error instanceof TypeError, error.cause, error.stack === failure.stack]);

// What was shared is still one thing.
const { value: again } = await kv.get(at("cyclic"));
print("cycles are closed", [again.self === again, again.list[0] === again, again.list[1] === again.list]);
const { value: [first, second, third] } = await kv.get(at("shared object"));
print("shared is shared", [first === second, third.shared === first]);
print("long strings have all their characters", [(await kv.get(at("long string"))).value.length, (await kv.get(at("long two-byte string"))).value === "€".repeat(30000)]);
if (deno) {
  const { value: [bytes, words] } = await kv.get(at("two views of one buffer"));
  print("views share their buffer", bytes.buffer === words.buffer);
}

// Overwriting changes the kind.
for (const value of [1n, new KvU64(1n), { a: 1 }, new Uint8Array([1]), undefined, "text"]) {
  await kv.set(at("changing"), value);
  print("changing", (await kv.get(at("changing"))).value);
}

await tell("a function", () => kv.set(at("function"), () => 1));
await tell("a symbol", () => kv.set(at("symbol"), Symbol("s")));
await tell("a u64 inside", () => kv.set(at("u64 inside"), { n: new KvU64(1n) }));
kv.close();
