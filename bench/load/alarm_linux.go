package load

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// timerfd is an alarm that the runtime waits for as for a connection, and that Linux rings
// within some 50 µs. If it fails, the timer below does its work.
type timerfd struct {
	timer
	fd      int // of file, whose Fd would have it block a thread
	file    *os.File
	unwatch func() bool
	due     unix.ItimerSpec
	rung    [8]byte
}

func newFineAlarm(ctx context.Context) alarm {
	below := newTimer(ctx)
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return below
	}
	file := os.NewFile(uintptr(fd), "timerfd")
	// Once closed, it waits for nothing.
	unwatch := context.AfterFunc(ctx, func() { _ = file.SetReadDeadline(time.Unix(1, 0)) })
	return &timerfd{timer: below, fd: fd, file: file, unwatch: unwatch}
}

func (t *timerfd) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t.due.Value = unix.NsecToTimespec(int64(d))
	if err := unix.TimerfdSettime(t.fd, 0, &t.due, nil); err != nil {
		return t.timer.wait(d)
	}
	if _, err := t.file.Read(t.rung[:]); err != nil {
		return t.ctx.Err() == nil && t.timer.wait(d)
	}
	return true
}

func (t *timerfd) close() {
	t.unwatch()
	t.file.Close()
	t.timer.close()
}
