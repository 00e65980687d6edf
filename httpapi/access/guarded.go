package access

// Guarded is something that a call reaches through its grant alone: the rooms are given
// what they work with in this form, so that a handler that forgets the grant does not
// compile.
type Guarded[T any] struct{ behind func(*Grant) T }

// Guard puts something behind a guard, which makes of it what one grant may reach.
func Guard[T any](guard func(*Grant) T) Guarded[T] { return Guarded[T]{guard} }

// For is what a grant may reach of it.
func (g Guarded[T]) For(grant *Grant) T { return g.behind(grant) }

// Given tells whether there is anything behind the guard.
func (g Guarded[T]) Given() bool { return g.behind != nil }
