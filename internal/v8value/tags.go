package v8value

// The tags of V8's serialisation, from v8/src/objects/value-serializer.cc.
const (
	tagVersion      = 0xff
	tagPadding      = 0x00
	tagObjectCount  = '?' // and a count that V8 ignores
	tagHole         = '-'
	tagUndefined    = '_'
	tagNull         = '0'
	tagTrue         = 'T'
	tagFalse        = 'F'
	tagInt32        = 'I'
	tagUint32       = 'U'
	tagDouble       = 'N'
	tagBigInt       = 'Z'
	tagUTF8         = 'S'
	tagOneByte      = '"'
	tagTwoByte      = 'c'
	tagReference    = '^'
	tagObject       = 'o'
	tagObjectEnd    = '{'
	tagSparse       = 'a'
	tagSparseEnd    = '@'
	tagDense        = 'A'
	tagDenseEnd     = '$'
	tagDate         = 'D'
	tagTrueObject   = 'y'
	tagFalseObject  = 'x'
	tagNumberObject = 'n'
	tagBigIntObject = 'z'
	tagStringObject = 's'
	tagRegExp       = 'R'
	tagMap          = ';'
	tagMapEnd       = ':'
	tagSet          = '\''
	tagSetEnd       = ','
	tagBuffer       = 'B'
	tagResizable    = '~'
	tagImmutable    = 'C' // an ArrayBuffer that cannot be written, read by V8 since 2025
	tagView         = 'V'
	tagError        = 'r'
	tagHostObject   = '\\'
)

// Versions of the format. V8 reads all from the oldest on to its own: Node 20 to 15,
// Deno 2.9 to 16, which tells from 15 only what has lengths above 4 GiB. So 15 is
// written, for all to read.
const (
	oldestVersion  = 13
	writtenVersion = 15
	latestVersion  = 16
	flagsVersion   = 14 // views have flags from it on
)

// maxNesting is how deep V8 data may nest: deeper than V8 writes with its default
// stack. Deno (V8 15) writes sets some 4,900 deep, maps 4,600, objects and arrays 3,600
// to 3,800, Node 20 less, and each reads objects no deeper than 2,700. The goroutine's
// stack takes 4 MB for it, until the next garbage collection.
const maxNesting = 5000
