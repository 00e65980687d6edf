package httpapi

import (
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

// decodeMessage decodes the body of POST /queue/enqueue.
func decodeMessage(body []byte, maxValueBytes int) (queue.Enqueue, error) {
	var m messageDecoder
	m.maxValueBytes = maxValueBytes
	err := decodeObject(body, enqueueMembers, m.member)
	if err == nil && m.message.Value == nil {
		err = invalidArgument("the body has no value")
	}
	return m.message, err
}

// message reads a message that is an element of an array.
func (d *decoder) message(maxValueBytes int) (queue.Enqueue, error) {
	m := messageDecoder{maxValueBytes: maxValueBytes}
	err := d.object(enqueueMembers, func(name string) error { return m.member(d, name) })
	if err == nil && m.message.Value == nil {
		err = d.missing("value")
	}
	return m.message, err
}

type messageDecoder struct {
	maxValueBytes int
	message       queue.Enqueue
	hasKeys       bool
}

func (m *messageDecoder) member(d *decoder, name string) (err error) {
	switch name {
	case "value":
		m.message.Value, err = d.value(m.maxValueBytes)
	case "options":
		err = d.object(optionMembers, func(name string) error { return m.option(d, name) })
	}
	return err
}

func (m *messageDecoder) option(d *decoder, name string) (err error) {
	switch name {
	case "delay":
		m.message.Delay, err = d.integer(delayParam)
	case "backoffSchedule":
		m.message.Backoff = []int64{}
		err = d.array(queue.MaxBackoffSteps, func() error {
			step, err := d.integer(delayParam)
			m.message.Backoff = append(m.message.Backoff, step)
			return err
		})
	case "keysIfUndelivered", "keys":
		if m.hasKeys {
			return invalidArgument("%s: keysIfUndelivered and keys are the same; give one", d.where())
		}
		m.hasKeys = true
		m.message.KeysIfUndelivered, err = d.keys(queue.MaxKeysIfUndelivered)
	case "queue":
		m.message.Queue, err = d.queueName()
	case "maxAttempts":
		m.message.MaxAttempts, err = d.small(intParam{name: name, min: 1, max: queue.MaxAttempts})
	case "priority":
		m.message.Priority, err = d.small(intParam{name: name, min: queue.MinPriority, max: queue.MaxPriority})
	case "dedupeId":
		m.message.DedupeID, err = d.text()
		if err == nil && m.message.DedupeID == "" {
			err = invalidArgument("%s is empty", d.where())
		}
	}
	return err
}

// small is an integer that fits an int.
func (d *decoder) small(p intParam) (int, error) {
	n, err := d.integer(p)
	return int(n), err
}

// queueName reads a name, which may not be empty where it is given.
func (d *decoder) queueName() (string, error) {
	name, err := d.text()
	if err != nil {
		return "", err
	}
	return name, d.wrap(queue.ValidateName(name))
}

// A settleRequest is what is done with one delivery.
type settleRequest struct {
	id, receipt string
	lock        int64
	failure     queue.Failure
}

// settlement decodes ack, nack or extend: the id from the path or the body, the
// receipt from the query or the body.
func (c *call) settlement(known members) (settleRequest, error) {
	req := settleRequest{lock: queue.DefaultLock}
	body, err := c.body()
	if err != nil {
		return req, err
	}
	if len(body) > 0 || !c.route.body.optional {
		if err := decodeObject(body, known, req.member); err != nil {
			return req, err
		}
	}
	if len(c.route.path) > 0 {
		id, err := c.pathValue("id")
		if err != nil {
			return req, err
		}
		if req.id != "" && req.id != id {
			return req, invalidArgument("the body has another id than the path")
		}
		req.id = id
	}
	if req.id == "" {
		return req, invalidArgument("there is no id, in the path or in the body")
	}
	if receipt, given := c.query.text(receiptParam.name); given {
		if req.receipt != "" && req.receipt != receipt {
			return req, invalidArgument("the body has another receipt than the query")
		}
		req.receipt = receipt
		if receipt == "" {
			return req, errEmptyReceipt
		}
	}
	return req, nil
}

// errEmptyReceipt: a caller that sends one means to have a receipt.
var errEmptyReceipt = invalidArgument("receipt is empty")

func (r *settleRequest) member(d *decoder, name string) (err error) {
	switch name {
	case "id":
		r.id, err = d.text()
	case "receipt":
		r.receipt, err = d.text()
		if err == nil && r.receipt == "" {
			err = errEmptyReceipt
		}
	case "lock":
		r.lock, err = d.integer(lockParam)
	case "delay":
		var delay int64
		delay, err = d.integer(delayParam)
		r.failure.Delay = &delay
	case "error":
		r.failure.Error, err = d.prose()
	case "deadLetter":
		r.failure.DeadLetter, err = d.boolean()
	}
	return err
}

// decodeDeadLetterList decodes the parameters of a list of dead letters.
func decodeDeadLetterList(q query) (list queue.DeadLetterList, err error) {
	if list.Queue, _, err = queueName(q); err != nil {
		return list, err
	}
	limit, err := limitParam.get(q)
	if err != nil {
		return list, err
	}
	list.Limit = int(min(limit, maxDeadLetters))
	offset, err := offsetParam.get(q)
	if err != nil {
		return list, err
	}
	list.Offset = int(offset)
	var given bool
	list.Cursor, given = q.text(deadCursorParam.name)
	if given && list.Offset > 0 {
		return list, invalidArgument("cursor and offset exclude each other")
	}
	if given && list.Cursor == "" {
		return list, kv.ErrInvalidCursor
	}
	return list, nil
}
