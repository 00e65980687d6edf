package node

import (
	"errors"
	"fmt"
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
