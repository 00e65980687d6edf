// Package watch tells clients what changes: streams of events, and polls that
// answer as soon as something has changed.
//
// One tailer a node reads the change log, whatever the number of watchers. A
// [Hub] matches what it reads against an index of all streams and hands the
// same event to all of them.
//
// What a [Stream] guarantees, from its start position on:
//
//   - Every committed change of a watched key is seen, or folded into a later
//     one of the same key. A stream that goes on, or that is resumed within the
//     change log's retention, ends with the database's state.
//   - An event never shows a key at another version than the event's own.
//   - All matching changes of one operation that are not folded are in one
//     event. Events come in versionstamp order, none twice.
//   - A reader that is slow costs bounded memory: its buffer is dropped and it
//     is served from the change log until it is level. Others do not notice.
//
// What it does not guarantee: that each of several quick changes of a key is
// seen by itself.
//
// DESIGN.md says why this holds.
package watch
