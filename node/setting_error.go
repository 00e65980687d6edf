package node

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// ErrBadSetting is wrapped by every error that the operator mends by changing a
// setting; the command exits with 2. Trying again without a change is no use.
var ErrBadSetting = errors.New("bad setting")

// SettingError says which setting cannot be used, and what to do about it. It
// never holds the value of a secret.
type SettingError struct {
	Setting string // its name on the command line, without dashes
	Source  string // where its value came from, such as "flag --join"; empty if not known
	Problem string // what is wrong and what would be right
}

// Error is one line.
func (e *SettingError) Error() string {
	if e.Source == "" {
		return e.Setting + ": " + e.Problem
	}
	return fmt.Sprintf("%s (%s): %s", e.Setting, e.Source, e.Problem)
}

// Unwrap makes errors.Is(err, ErrBadSetting) hold.
func (e *SettingError) Unwrap() error { return ErrBadSetting }

func badSetting(setting, problem string, args ...any) error {
	return &SettingError{Setting: setting, Problem: fmt.Sprintf(problem, args...)}
}

// cannotUse is badSetting, unless the reason passes by itself.
func cannotUse(setting string, err error, problem string, args ...any) error {
	problem = fmt.Sprintf(problem, args...)
	if errors.Is(err, syscall.EADDRINUSE) {
		problem += "; stop what uses it, or choose another with --" + setting
	}
	bad := badSetting(setting, "%s", problem)
	if passes(err) {
		return errors.New(bad.Error())
	}
	return bad
}

// passes tells whether what the system says about a setting may be otherwise a
// moment later: a port that is taken, an address or room that is not there yet.
func passes(err error) bool {
	for _, reason := range []error{syscall.EADDRINUSE, syscall.EADDRNOTAVAIL, syscall.ENOSPC, syscall.EMFILE, syscall.ENFILE, syscall.EIO} {
		if errors.Is(err, reason) {
			return true
		}
	}
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsTemporary
}

// cause is the innermost error: the outer ones repeat the address.
func cause(err error) error {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err
}
