// Package v8value carries values between Deno KV's wire and keyval's store.
//
// On the wire (KV Connect) a value is bytes and an [Encoding]: V8's serialisation,
// eight bytes of an unsigned integer, or bytes that mean themselves. The store keeps
// JSON text, for REST, filters and search to see. [AppendStored] goes from the wire
// to the store, [AppendLoaded] back.
//
// # Stored
//
// What JSON can hold exactly becomes plain JSON: null, booleans, finite numbers but
// -0, strings without lone surrogates, arrays without holes or further properties
// (also those that V8 writes as sparse, such as new Array(3).fill(0)) and plain
// objects, nested at most strictjson.MaxDepth deep, no object twice. Everything else
// is one of the forms, exactly so:
//
//	{"__type":"u64","value":"7"}                      Deno.KvU64
//	{"__type":"bytes","value":"AQID"}                 a Uint8Array
//	{"__type":"bigint","value":"-123"}                a bigint of at most 255 bytes
//	{"__type":"v8","value":"/w9f","text":"undefined"} any other V8 value
//
// The v8 form has the bytes as they came, trailing ones too, which V8 ignores, and a
// text for people to read, of about 1 KiB at most. An object of Deno's whose JSON
// would read as a form is kept as a v8 form.
//
// # Loaded
//
// A form becomes what it stands for. It is read leniently: base64 also in the URL's
// alphabet and without padding, value before __type, text left out or anything.
// Everything else is plain JSON and becomes V8, version 15, as JSON.parse and V8's
// serialiser would make it.
//
// # What V8 refuses
//
// is refused with [ErrInvalid]: versions other than 13 to 16, data that ends early,
// unknown tags, wrong counts, a property twice, references to nothing, views out of
// bounds, shared and transferred objects, nesting deeper than V8's own stack lets it
// write. Left to V8 are the pattern of a RegExp, which only an engine can check, and
// a property of an array that fills one of its holes twice.
//
// Where versions of V8 differ, it takes what any of them reads: Deno's newer one has
// ArrayBuffers that cannot be written, and an Error can be its own cause.
//
// # What Node.js writes
//
// Node writes typed arrays as objects of its own, which only Node reads, and the cause
// of an Error before its stack, which newer versions of V8 refuse. Both are rewritten
// as V8 itself writes them today, so that Deno can read what Node wrote. What Deno
// writes as version 16 is version 15 but for that number, and gets it, so that Node can
// read what Deno wrote. This alone is not kept bit for bit.
package v8value
