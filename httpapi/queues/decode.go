package queues

import (
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

// decodeMessage decodes the body of POST /queue/enqueue.
func decodeMessage(body []byte, maxValueBytes int) (queue.Enqueue, error) {
	var m messageDecoder
	m.maxValueBytes = maxValueBytes
	err := route.DecodeObject(body, enqueueMembers, m.member)
	if err == nil && m.message.Value == nil {
		err = route.InvalidArgument("the body has no value")
	}
	return m.message, err
}

// DecodeMessage reads a message that is an element of an array.
func DecodeMessage(d *route.Decoder, maxValueBytes int) (queue.Enqueue, error) {
	m := messageDecoder{maxValueBytes: maxValueBytes}
	err := d.Object(enqueueMembers, func(name string) error { return m.member(d, name) })
	if err == nil && m.message.Value == nil {
		err = d.Missing("value")
	}
	return m.message, err
}

type messageDecoder struct {
	maxValueBytes int
	message       queue.Enqueue
	hasKeys       bool
}

func (m *messageDecoder) member(d *route.Decoder, name string) (err error) {
	switch name {
	case "value":
		m.message.Value, err = wire.DecodeValue(d, m.maxValueBytes)
	case "options":
		err = d.Object(optionMembers, func(name string) error { return m.option(d, name) })
	}
	return err
}

func (m *messageDecoder) option(d *route.Decoder, name string) (err error) {
	switch name {
	case "delay":
		m.message.Delay, err = d.Integer(delayParam)
	case "backoffSchedule":
		m.message.Backoff = []int64{}
		err = d.Array(queue.MaxBackoffSteps, func() error {
			step, err := d.Integer(delayParam)
			m.message.Backoff = append(m.message.Backoff, step)
			return err
		})
	case "keysIfUndelivered", "keys":
		if m.hasKeys {
			return route.InvalidArgument("%s: keysIfUndelivered and keys are the same; give one", d.Where())
		}
		m.hasKeys = true
		m.message.KeysIfUndelivered, err = wire.DecodeKeys(d, queue.MaxKeysIfUndelivered)
	case "queue":
		m.message.Queue, err = decodeQueueName(d)
	case "maxAttempts":
		m.message.MaxAttempts, err = decodeSmall(d, route.IntParam{Name: name, Min: 1, Max: queue.MaxAttempts})
	case "priority":
		m.message.Priority, err = decodeSmall(d, route.IntParam{Name: name, Min: queue.MinPriority, Max: queue.MaxPriority})
	case "dedupeId":
		m.message.DedupeID, err = d.Text()
		if err == nil && m.message.DedupeID == "" {
			err = route.InvalidArgument("%s is empty", d.Where())
		}
	}
	return err
}

// decodeSmall reads an integer that fits an int.
func decodeSmall(d *route.Decoder, p route.IntParam) (int, error) {
	n, err := d.Integer(p)
	return int(n), err
}

// decodeQueueName reads a name, which may not be empty where it is given.
func decodeQueueName(d *route.Decoder) (string, error) {
	name, err := d.Text()
	if err != nil {
		return "", err
	}
	return name, d.Wrap(queue.ValidateName(name))
}

// A settleRequest is what is done with one delivery.
type settleRequest struct {
	id, receipt string
	lock        int64
	failure     queue.Failure
}

// settlement decodes ack, nack or extend: the id from the path or the body, the
// receipt from the query or the body.
func settlement(c *route.Call, known route.Members) (settleRequest, error) {
	req := settleRequest{lock: queue.DefaultLock}
	body, err := c.ReadBody()
	if err != nil {
		return req, err
	}
	if len(body) > 0 || !c.Route.Body.Optional {
		if err := route.DecodeObject(body, known, req.member); err != nil {
			return req, err
		}
	}
	if len(c.Route.Path) > 0 {
		id, err := c.PathValue("id")
		if err != nil {
			return req, err
		}
		if req.id != "" && req.id != id {
			return req, route.InvalidArgument("the body has another id than the path")
		}
		req.id = id
	}
	if req.id == "" {
		return req, route.InvalidArgument("there is no id, in the path or in the body")
	}
	if receipt, given := c.Query.Text(receiptParam.Name); given {
		if req.receipt != "" && req.receipt != receipt {
			return req, route.InvalidArgument("the body has another receipt than the query")
		}
		req.receipt = receipt
		if receipt == "" {
			return req, errEmptyReceipt
		}
	}
	return req, nil
}

// errEmptyReceipt: a caller that sends one means to have a receipt.
var errEmptyReceipt = route.InvalidArgument("receipt is empty")

func (r *settleRequest) member(d *route.Decoder, name string) (err error) {
	switch name {
	case "id":
		r.id, err = d.Text()
	case "receipt":
		r.receipt, err = d.Text()
		if err == nil && r.receipt == "" {
			err = errEmptyReceipt
		}
	case "lock":
		r.lock, err = d.Integer(lockParam)
	case "delay":
		var delay int64
		delay, err = d.Integer(delayParam)
		r.failure.Delay = &delay
	case "error":
		r.failure.Error, err = d.Prose()
	case "deadLetter":
		r.failure.DeadLetter, err = d.Boolean()
	}
	return err
}

// decodeDeadLetterList decodes the parameters of a list of dead letters.
func decodeDeadLetterList(q route.Query) (list queue.DeadLetterList, err error) {
	if list.Queue, _, err = queueName(q); err != nil {
		return list, err
	}
	if list.Limit, err = wire.Limit(q); err != nil {
		return list, err
	}
	offset, err := offsetParam.Get(q)
	if err != nil {
		return list, err
	}
	list.Offset = int(offset)
	var given bool
	list.Cursor, given = q.Text(deadCursorParam.Name)
	if given && list.Offset > 0 {
		return list, route.InvalidArgument("cursor and offset exclude each other")
	}
	if given && list.Cursor == "" {
		return list, kv.ErrInvalidCursor
	}
	return list, nil
}
