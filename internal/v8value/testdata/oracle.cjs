// Answers questions about V8's serialisation with that of Node.js or Deno, which runs
// it: a line of words in, a line out. Data are in hexadecimal.
//
//	make SEED      a random value, serialised; an odd seed as Node writes views
//	read DATA      "read", or "refused" and why
//	plain DATA     "plain" if JSON can hold the value exactly, otherwise "not"
//	same DATA DATA "same" if both are the same value, to the identity of objects
//	json TEXT DATA "same" if DATA is what JSON.parse makes of TEXT
'use strict';
const v8 = require('v8');

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const bytes = (text) => Buffer.from(text ?? '', 'hex');

// A value's class; Node's Buffer is a Uint8Array for everybody else.
function classOf(value) {
  const prototype = Object.getPrototypeOf(value);
  return Buffer.isBuffer(value) ? 'Uint8Array' : prototype?.constructor?.name;
}

function same(a, b, pairs = new Map(), back = new Map()) {
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return Object.is(a, b);
  if (pairs.has(a) || back.has(b)) return pairs.get(a) === b && back.get(b) === a;
  pairs.set(a, b);
  back.set(b, a);
  const each = (x, y) => same(x, y, pairs, back);
  const all = (xs, ys) => xs.length === ys.length && xs.every((x, i) => each(x, ys[i]));
  if (classOf(a) !== classOf(b) || !inside(a, b, all)) return false;
  const keys = Reflect.ownKeys(a).filter((key) => key !== 'stack');
  return all(keys, Reflect.ownKeys(b).filter((key) => key !== 'stack')) && keys.every((key) => each(
    Object.getOwnPropertyDescriptor(a, key).value, Object.getOwnPropertyDescriptor(b, key).value));
}

// inside compares what is no property.
function inside(a, b, all) {
  switch (classOf(a)) {
    case 'Date': case 'Number': case 'String': case 'Boolean': case 'BigInt': return Object.is(a.valueOf(), b.valueOf());
    case 'RegExp': return a.source === b.source && a.flags === b.flags;
    case 'Map': return all([...a].flat(), [...b].flat());
    case 'Set': return all([...a], [...b]);
    case 'ArrayBuffer': return hex(a) === hex(b) && a.maxByteLength === b.maxByteLength;
    case 'DataView': return hex(new Uint8Array(a.buffer, a.byteOffset, a.byteLength)) === hex(new Uint8Array(b.buffer, b.byteOffset, b.byteLength));
  }
  return true;
}

function wellFormed(value) {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Reflect.ownKeys(value).every((key) => wellFormed(key) && wellFormed(value[key]));
}

function plain(value) {
  try {
    return wellFormed(value) && same(value, JSON.parse(JSON.stringify(value)));
  } catch {
    return false; // a bigint, a cycle
  }
}

// A generator of random numbers with a seed: mulberry32.
function random(seed) {
  return (n) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * n);
  };
}

const numbers = [0, -0, 1, -1, 1.5, 1e21, 1e-7, 123456789012345680000, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53, 2 ** 53 + 2, 5e-324, 1.7976931348623157e308, NaN, Infinity, -Infinity];
const strings = ['', 'a', 'hello', 'é', '€', '🌎', '\ud800', 'x\udc00', '"\\\n\u0001\u007f\u2028', 'length', '__proto__', '0', '1', '01', '-1', '4294967294', '4294967295', 'toJSON', '__type', 'value', 'text'];
const views = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array, DataView, Buffer];
const errors = [Error, TypeError, RangeError, SyntaxError, EvalError, ReferenceError, URIError];

function make(pick, simple) {
  const made = [];
  const keep = (object) => { made.push(object); return object; };
  const one = (list) => list[pick(list.length)];
  const string = () => (pick(4) ? one(strings) : one(strings) + one(strings) + pick(1000));
  const times = (f) => { for (let n = pick(5); n > 0; n--) f(); };
  const scalar = () => [() => null, () => true, () => false, () => one(numbers), () => pick(100000) - 50000, () => pick(1e9) / 64, string, string][pick(8)]();
  const define = (object, key, value) => Object.defineProperty(object, key, {value, enumerable: true, configurable: true, writable: true});
  function object(depth) {
    const o = keep({});
    times(() => define(o, string(), value(depth + 1)));
    return o;
  }
  function array(depth) {
    const a = keep([]);
    times(() => a.push(value(depth + 1)));
    if (!pick(8)) return keep(Array.from({length: pick(4)}).fill(scalar()));
    if (!simple && !pick(8)) a.length += pick(3);
    if (!simple && !pick(16)) delete a[pick(3)];
    if (!simple && !pick(16)) define(a, string().replace(/^(length|4294967294)$/, 'x'), value(depth + 1));
    return a;
  }
  function view() {
    const buffer = !pick(6) ? new ArrayBuffer(16, {maxByteLength: 32}) : new ArrayBuffer(16);
    new Uint8Array(buffer).forEach((_, i, all) => { all[i] = pick(256); });
    const Class = one(views);
    if (Class === Buffer) return keep(Buffer.from(buffer, pick(4), pick(8)));
    return keep(pick(2) ? new Class(buffer) : new Class(buffer, 8 * pick(2), 1));
  }
  function special(depth) {
    switch (pick(16)) {
      case 0: return undefined;
      case 1: return BigInt(pick(1e9)) ** BigInt(pick(40)) * (pick(2) ? 1n : -1n);
      case 2: return keep(new Date(one([0, 1.7e12, -1e14, 8.64e15, -8.64e15, NaN, pick(1e9)])));
      case 3: return keep(one([() => new Number(one(numbers)), () => new String(string()), () => new Boolean(pick(2)), () => Object(BigInt(pick(9)))])());
      case 4: return keep(new RegExp(one(['a', '', '/', '\\d+€', '[\\]]']), one(['', 'g', 'dgimsuy', 'v'])));
      case 5: { const m = keep(new Map()); times(() => m.set(value(depth + 1), value(depth + 1))); return m; }
      case 6: { const s = keep(new Set()); times(() => s.add(value(depth + 1))); return s; }
      case 7: return keep(new ArrayBuffer(pick(9)));
      case 8: case 9: case 10: return view();
      case 11: { const C = one(errors); return keep(pick(2) ? new C(string()) : new C(string(), {cause: value(depth + 1)})); }
      default: return made.length ? one(made) : undefined;
    }
  }
  function value(depth) {
    const kind = pick(depth > 4 ? 6 : 12);
    if (kind < 5) return scalar();
    if (kind === 5) return simple ? scalar() : special(depth);
    return kind % 2 ? object(depth) : array(depth);
  }
  return value(0);
}

// serialize writes views as V8 does, not as Node.
function serialize(value) {
  const out = new v8.Serializer();
  out.writeHeader();
  out.writeValue(value);
  return out.releaseBuffer();
}

const answers = {
  make: (seed) => {
    const value = make(random(Number(seed)), seed % 4 < 2);
    return hex(seed % 2 ? v8.serialize(value) : serialize(value));
  },
  read: (data) => { v8.deserialize(bytes(data)); return 'read'; },
  plain: (data) => (plain(v8.deserialize(bytes(data))) ? 'plain' : 'not'),
  same: (a, b) => (same(v8.deserialize(bytes(a)), v8.deserialize(bytes(b))) ? 'same' : 'differs'),
  json: (text, data) => (same(JSON.parse(bytes(text).toString()), v8.deserialize(bytes(data))) ? 'same' : 'differs'),
};

require('readline').createInterface({input: process.stdin}).on('line', (line) => {
  const [question, ...words] = line.split(' ');
  let answer;
  try {
    answer = answers[question](...words);
  } catch (error) {
    answer = 'refused ' + String(error.message).replaceAll('\n', ' ');
  }
  process.stdout.write(answer + '\n');
});
