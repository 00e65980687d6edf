// Package access says who asks and what they may. An Authority knows the tokens; it
// makes a Grant of a request's credentials, and everything that a request does goes
// through that grant: see Guarded.
package access
