package kvconnect

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/kvconnect/datapath"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

func (r *room) writeRoute() route.Route {
	write := r.dataRoute(endpoints[0], "atomic_write")
	write.Scope, write.Changes, write.Summary = access.Write, true, "Check, change and enqueue, all or nothing"
	write.Body = r.body("AtomicWrite")
	write.Answers = []route.Answer{{Status: 200, Doc: "Committed, or the checks that did not hold.", ContentType: protobuf, Schema: messageSchema("AtomicWriteOutput")}}
	write.Errors = writeErrors
	write.Serve = r.write
	return write
}

var writeFields = []repeated{
	{number: 1, name: "checks", most: maxChecks},
	{number: 2, name: "mutations", most: maxMutations},
	{number: 3, name: "enqueues", most: maxMutations, within: []repeated{
		{number: 3, name: "undelivered keys", most: maxUndelivered},
		{number: 4, name: "backoff entries", most: maxBackoff, mostBytes: 10 * maxBackoff}, // packed
	}},
}

func (r *room) write(ctx context.Context, c *route.Call) error {
	var req datapath.AtomicWrite
	if err := r.receive(ctx, c, &req, writeFields, 2, 3); err != nil {
		return err
	}
	if err := r.checkTotals(&req); err != nil {
		return err
	}
	op, part, err := r.operation(&req, c.Grant)
	if err != nil {
		return err
	}
	ctx, sending := part.Send(ctx)
	defer sending.End()
	result, err := r.Store.For(c.Grant).Atomic(ctx, op)
	if err != nil {
		return err
	}
	return answerWrite(c, op.Checks, result)
}

// checkTotals refuses what is too much only all together.
func (r *room) checkTotals(req *datapath.AtomicWrite) error {
	if len(req.GetMutations())+len(req.GetEnqueues()) > maxMutations {
		return route.TooLarge("Too many mutations (max %d)", maxMutations)
	}
	if payload(req) > r.limits.payload {
		return route.TooLarge("Total mutation size too large (max %d bytes)", r.limits.payload)
	}
	return nil
}

// payload counts as the reference server does.
func payload(req *datapath.AtomicWrite) (n int) {
	for _, check := range req.GetChecks() {
		n += len(check.GetKey())
	}
	for _, m := range req.GetMutations() {
		n += len(m.GetKey()) + len(m.GetValue().GetData())
	}
	for _, e := range req.GetEnqueues() {
		n += len(e.GetPayload()) + 4*len(e.GetBackoffSchedule())
		for _, key := range e.GetKeysIfUndelivered() {
			n += len(key)
		}
	}
	return n
}

// operation is what a message asks for, and the part of it that enqueues, nil without.
func (r *room) operation(req *datapath.AtomicWrite, g *access.Grant) (op kv.AtomicRequest, part *queue.Part, err error) {
	if op.Checks, err = checks(req.GetChecks()); err != nil {
		return op, nil, err
	}
	op.Mutations = make([]kv.Mutation, len(req.GetMutations()))
	for i, m := range req.GetMutations() {
		if op.Mutations[i], err = r.mutation(m); err != nil {
			return op, nil, err
		}
	}
	if len(req.GetEnqueues()) == 0 {
		return op, nil, nil
	}
	if part, err = r.part(req.GetEnqueues(), g); err == nil {
		op.Parts = []kv.Part{part}
	}
	return op, part, err
}

func checks(all []*datapath.Check) ([]kv.Check, error) {
	checks := make([]kv.Check, len(all))
	for i, c := range all {
		key, err := writeKey(c.GetKey())
		if err != nil {
			return nil, err
		}
		v, err := parseStamp(c.GetVersionstamp())
		if err != nil {
			return nil, err
		}
		checks[i] = kv.Check{Key: key, Versionstamp: v}
	}
	return checks, nil
}

// writeKey is a key that may be written, whatever its bytes.
func writeKey(raw []byte) (kv.Key, error) {
	switch {
	case len(raw) == 0:
		return "", &route.Refusal{Code: api.InvalidKey, Text: "key cannot be empty"}
	case len(raw) > maxWriteKey:
		return "", route.TooLarge("Key too large for write (max %d bytes)", maxWriteKey)
	}
	return kv.Key(raw), nil
}

// answerWrite answers with what became of an operation.
func answerWrite(c *route.Call, checks []kv.Check, result kv.AtomicResult) error {
	out := datapath.AtomicWriteOutput{Status: datapath.AtomicWriteStatus_AW_SUCCESS, Versionstamp: appendStamp(nil, result.Versionstamp)}
	if !result.OK {
		out.Status, out.Versionstamp = datapath.AtomicWriteStatus_AW_CHECK_FAILURE, nil
		out.FailedChecks = failed(checks, result.Conflicts)
	}
	c.ContentType = protobuf
	answer, err := proto.MarshalOptions{}.MarshalAppend(c.Out, &out)
	c.Out = answer
	return err
}

// failed are the places of the checks that have not held, which come in their order.
func failed(checks, conflicts []kv.Check) (places []uint32) {
	for i := range checks {
		if len(conflicts) > 0 && conflicts[0].Key == checks[i].Key && conflicts[0].Versionstamp != checks[i].Versionstamp {
			places = append(places, uint32(i))
			conflicts = conflicts[1:]
		}
	}
	return places
}
