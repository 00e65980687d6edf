// Package wire is what rooms have in common of entries: how they and keys are written
// and read, and the parameters, headers, errors and schemas that go with them.
package wire
