// What a token may, and what it may not: below ["mine"] everything, elsewhere nothing.
import { kv, print, tell } from "./kv.mjs";

await tell("set mine", async () => (await kv.set(["mine", 1], "a")).ok);
await tell("get mine", async () => (await kv.get(["mine", 1])).value);
await tell("set others'", () => kv.set(["others", 1], "a"));
await tell("get others'", () => kv.get(["others", 1]));
await tell("check others'", () => kv.atomic().check({ key: ["others", 1], versionstamp: null }).set(["mine", 2], 1).commit());
await tell("both in one", () => kv.atomic().set(["mine", 3], 1).set(["others", 3], 1).commit());
await tell("nothing of that", async () => [(await kv.get(["mine", 2])).value, (await kv.get(["mine", 3])).value]);
await tell("watch mine", async () => (await kv.watch([["mine", 1]]).getReader().read()).value[0].value);
print("ended", true);
kv.close();
