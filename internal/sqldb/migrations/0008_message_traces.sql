-- The trace of a message: the W3C traceparent of the span that enqueued it and, after a
-- space, its tracestate if there is one; NULL if that was not sampled. A dead letter keeps
-- it for a requeue. Nodes that do not know the columns enqueue without it.
ALTER TABLE kv_queue ADD COLUMN trace TEXT;

ALTER TABLE kv_dlq ADD COLUMN trace TEXT;
