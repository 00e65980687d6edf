// Values as texts that are the same under Deno and Node, and differ for values that do.
// What is there twice is ^n the second time, n being its place in the order of objects.
export function text(value, seen = new Map()) {
  switch (typeof value) {
    case "string":
      return /^[0-9a-f]{20}$/.test(value) ? stamp(value) : JSON.stringify(brief(value, value.length));
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      return `${value}n`;
    case "object":
      return value === null ? "null" : object(value, seen);
    default:
      return String(value);
  }
}

// Versionstamps differ from database to database: the order in which they come does not.
const stamps = [];
function stamp(versionstamp) {
  if (!stamps.includes(versionstamp)) stamps.push(versionstamp);
  return `<${stamps.indexOf(versionstamp) + 1}>`;
}

// brief shortens what is long to its beginning, its length and a sum of all of it.
function brief(value, length) {
  if (length <= 200) return value;
  let sum = 0;
  for (let i = 0; i < length; i++) sum = (sum * 31 + (typeof value === "string" ? value.charCodeAt(i) : value[i])) % 1000003;
  return `${value.slice(0, 20)}… ${length} in all, sum ${sum}`;
}

function object(value, seen) {
  if (seen.has(value)) return `^${seen.get(value)}`;
  seen.set(value, seen.size);
  const inside = (part) => text(part, seen);
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  switch (kind) {
    case "Date":
      return `Date(${value.getTime()})`;
    case "RegExp":
      return String(value);
    case "Number": case "String": case "Boolean": case "BigInt":
      return `Object(${inside(value.valueOf())})`;
    case "Error":
      return `${value.name}(${inside(value.message)})`;
    case "Map":
      return `Map{${[...value].map(([k, v]) => `${inside(k)} => ${inside(v)}`).join(", ")}}`;
    case "Set":
      return `Set{${[...value].map(inside).join(", ")}}`;
    case "ArrayBuffer":
      return `ArrayBuffer(${brief([...new Uint8Array(value)], value.byteLength)})`;
    case "DataView":
      return `DataView(${[...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)]})`;
    case "Array":
      return `[${[...items(value, inside), ...members(value, inside).slice(Object.keys(value).filter(isIndex).length)].join(", ")}]`;
  }
  if (ArrayBuffer.isView(value)) return `${kind}(${brief([...value].map(inside), value.length)})`;
  // The class is Deno.KvU64 here and _KvU64 there.
  if (/KvU64$/.test(value.constructor?.name)) return `u64(${value.value})`;
  return `{${members(value, inside).join(", ")}}`;
}

const members = (value, inside) => Object.keys(value).map((key) => `${JSON.stringify(key)}: ${inside(value[key])}`);
const isIndex = (key) => /^\d+$/.test(key);

// items are those of an array; holes are counted.
function items(array, inside) {
  const found = [];
  let next = 0;
  for (const i of [...Object.keys(array).filter(isIndex).map(Number), array.length]) {
    if (i > next) found.push(`${i - next} holes`);
    if (i < array.length) found.push(inside(array[i]));
    next = i + 1;
  }
  return found;
}
