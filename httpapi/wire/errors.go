package wire

import (
	"errors"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/kv"
)

// Errors are those of entries, which every room may meet.
var Errors = []route.ErrorRow{
	{Is: kv.ErrInvalidKey, Code: api.InvalidKey},
	{Is: kv.ErrInvalidValue, Code: api.InvalidValue},
	{Is: kv.ErrPositionAhead, Code: api.InvalidArgument, Detail: positionAhead},
	{Is: kv.ErrInvalidArgument, Code: api.InvalidArgument},
	{Is: kv.ErrInvalidJSON, Code: api.InvalidJSON},
	{Is: kv.ErrInvalidCursor, Code: api.InvalidCursor},
	{Is: kv.ErrInvalidFilter, Code: api.InvalidFilter},
	{Is: kv.ErrTypeMismatch, Code: api.TypeMismatch},
	{Is: kv.ErrOutOfRange, Code: api.OutOfRange},
	{Is: kv.ErrNotFound, Code: api.NotFound},
	{Is: kv.ErrPositionLost, Code: api.PositionLost, Detail: oldestPosition},
	{Is: kv.ErrPreconditionFailed, Code: api.PreconditionFailed},
	{Is: kv.ErrTooLarge, Code: api.TooLarge},
	{Is: kv.ErrTimeout, Code: api.Timeout, Told: route.TimedOut},
}

func positionAhead(_ error, body *api.ErrorBody) { body.Reason = api.PositionAhead }

// oldestPosition tells the oldest position that is still kept, if the error knows it.
func oldestPosition(err error, body *api.ErrorBody) {
	lost, ok := errors.AsType[interface {
		error
		OldestPosition() kv.Versionstamp
	}](err)
	if ok {
		body.Oldest = api.Versionstamp(lost.OldestPosition())
	}
}
