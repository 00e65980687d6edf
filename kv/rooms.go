package kv

import "github.com/buntime/keyval/internal/sqldb"

// What packages need that read entries with statements of their own.

// AliveSQL holds for an entry e that a read may show.
const AliveSQL = aliveSQL

// Freshness translates a read's options for the database.
func (o ReadOptions) Freshness() sqldb.Freshness { return o.freshness() }

// Failure says what a database's error means to a caller.
func Failure(err error) error { return failure(err) }
