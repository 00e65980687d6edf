// Package nodetest runs the real things that keyval lives among, so that tests
// and benchmarks need no stand-ins: libSQL servers (primary and replica), a
// proxy that breaks connections at chosen moments, HAProxy, and any other
// program as a child process.
//
// It does not import the testing package, because the benchmark harness ships
// with it. Tests use the Must functions, which take a [TB].
//
// # Guarantees
//
//   - Every Start function returns only when the thing answers, or with an error
//     that carries the last lines that it wrote.
//   - Every Close ends what was started and waits for it, goroutines and
//     processes alike. A second Close does nothing and returns nil.
//   - A child process dies with the process that started it, also after a panic
//     or kill -9 (on Linux; elsewhere only Close ends it).
//   - A port belongs to its owner until Close, also while its process is dead,
//     so that a restart finds its address free (on Linux).
//
// # What it does not do
//
// It downloads nothing. A program that is not installed is [ErrToolMissing], and
// the error says how to get it.
package nodetest
