// Atomic operations: checks, sums, what is refused, and that nothing of that is written.
import { all, kv, KvU64, print, tell, text } from "./kv.mjs";

const A = (...parts) => ["atomic", ...parts];
const value = async (...parts) => (await kv.get(A(...parts))).value;

const first = await kv.set(A("a"), 1);
const second = await kv.set(A("a"), 2);
print("versionstamps grow", [first, second, first.versionstamp < second.versionstamp]);
print("the entry has it", await kv.get(A("a")));

// Checks.
const { versionstamp } = await kv.get(A("a"));
print("a check that holds", await kv.atomic().check({ key: A("a"), versionstamp }).set(A("a"), 3).commit());
print("a check that does not", await kv.atomic().check({ key: A("a"), versionstamp }).set(A("a"), 4).set(A("other"), 4).commit());
print("nothing was written", [await value("a"), await value("other")]);
print("a check for nothing there", await kv.atomic().check({ key: A("new"), versionstamp: null }).set(A("new"), 1).commit());
print("and again", await kv.atomic().check({ key: A("new"), versionstamp: null }).set(A("new"), 2).commit());
print("two checks, one fails", await kv.atomic().check({ key: A("none"), versionstamp: null }, { key: A("a"), versionstamp }).delete(A("new")).commit());
print("new is still there", await value("new"));
await tell("a check with a bad versionstamp", () => kv.atomic().check({ key: A("a"), versionstamp: "x" }).commit());
await tell("a check with capitals", () => kv.atomic().check({ key: A("a"), versionstamp: "00000000000000000ABC" }).commit());

// Empty ones.
const [one, two] = [await kv.atomic().commit(), await kv.atomic().commit()];
print("empty commits differ", [one, two, one.versionstamp < two.versionstamp]);
print("a check alone", (await kv.atomic().check({ key: A("none"), versionstamp: null }).commit()).ok);
print("a failed check alone", await kv.atomic().check({ key: A("a"), versionstamp: null }).commit());
print("deletes alone", (await kv.atomic().delete(A("none")).delete(A("new")).commit()).ok);
print("delete of none", await kv.delete(A("none")));
print("new has gone", await value("new"));

// In order, with one versionstamp.
print("in order", (await kv.atomic().set(A("o"), 1).delete(A("o")).sum(A("o"), 5n).sum(A("o"), 6n).set(A("p"), 1).commit()).ok);
print("after it", await kv.getMany([A("o"), A("p")]));
print("set, then delete", (await kv.atomic().set(A("q"), 1).delete(A("q")).commit()).ok);
print("q", await kv.get(A("q")));

// Sums.
const most = 2n ** 64n - 1n;
await kv.atomic().sum(A("n"), 10n).commit();
print("a sum of nothing", await value("n"));
await kv.atomic().sum(A("n"), most).commit();
print("a sum that wraps", await value("n"));
await kv.set(A("n"), new KvU64(most));
await kv.atomic().sum(A("n"), 10n).sum(A("n"), 1n).commit();
print("a sum that wraps past the most", await value("n"));
await kv.atomic().min(A("n"), 3n).max(A("m"), 4n).commit();
print("min and max of nothing and something", [await value("n"), await value("m")]);
await kv.atomic().max(A("n"), 2n).min(A("m"), 5n).commit();
print("neither changes", [await value("n"), await value("m")]);
await kv.atomic().max(A("n"), most).min(A("m"), 0n).commit();
print("both change", [await value("n"), await value("m")]);
await tell("a negative sum", () => kv.atomic().sum(A("n"), -1n).commit());
await tell("a sum over 64 bits", () => kv.atomic().sum(A("n"), 2n ** 64n).commit());

// The types allow a KvU64 alone, the programs bigints and numbers, too.
const sum = (name, operand) => tell(`a sum of ${name} and ${text(operand)}`, async () => {
  await kv.atomic().mutate({ type: "sum", key: A("v8", name), value: operand }).commit();
  return value("v8", name);
});
await sum("a bigint", 5n);
await sum("a bigint", -7n);
await sum("a bigint", 2n ** 64n);
await sum("a bigint", 1);
await sum("a number", 1.5);
await sum("a number", 2);
await sum("a number", -(2 ** 53));
await sum("a number", 1n);
await sum("a number", "1");
await kv.set(A("v8", "a u64"), new KvU64(most));
await sum("a u64", 2n);
await sum("a u64", 1);
for (const type of ["min", "max"]) await tell(`${type} of a bigint operand`, () => kv.atomic().mutate({ type, key: A("v8", "a bigint"), value: 5n }).commit());

// Stored values of other types: an error, and nothing of the operation is written.
for (const stored of ["text", 5, 5n, { a: 1 }, null, new Uint8Array(8), undefined]) {
  for (const type of ["sum", "min", "max"]) {
    await kv.set(A("stored"), stored);
    await kv.delete(A("beside"));
    const name = `${type} of a stored ${text(stored)}`;
    await tell(name, async () => (await kv.atomic().set(A("beside"), 1)[type](A("stored"), 1n).commit()).ok);
    print(`beside, and stored, after a ${name}`, [await value("beside"), await value("stored")]);
  }
}

// Keys that end in the commit's versionstamp.
if (typeof kv.commitVersionstamp === "function") {
  const written = await kv.atomic().set(A("log", kv.commitVersionstamp()), "first").set(A("log-last"), 1).commit();
  const [logged] = await all(kv.list({ prefix: A("log") }));
  print("commitVersionstamp", [logged, logged.key[2] === written.versionstamp, logged.versionstamp === written.versionstamp]);
  await kv.set(A("log", kv.commitVersionstamp()), "second");
  print("in the order of commits", (await all(kv.list({ prefix: A("log") }))).map((entry) => [entry.value, entry.key[2]]));
  await tell("commitVersionstamp not last", () => kv.set([kv.commitVersionstamp(), "x"], 1));
  await tell("commitVersionstamp of a sum", () => kv.atomic().sum(A("log", kv.commitVersionstamp()), 1n).commit());
}
await tell("a mutation of no known type", () => kv.atomic().mutate({ type: "append", key: A("x"), value: [1] }).commit());
await tell("a delete with a value", () => kv.atomic().mutate({ type: "delete", key: A("x"), value: 1 }).commit());
await tell("committed twice", async () => {
  const operation = kv.atomic().set(A("twice"), 1);
  return [(await operation.commit()).ok, (await operation.commit()).ok];
});
kv.close();
