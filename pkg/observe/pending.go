package observe

import (
	"errors"
	"fmt"
)

// ErrPending marks something that does not exist yet and may appear later: a namespace, a process, a device.
var ErrPending = errors.New("not there yet")

// pendingError is an ErrPending with its own text.
type pendingError string

func (e pendingError) Error() string        { return string(e) }
func (e pendingError) Is(target error) bool { return target == ErrPending }

// Pendingf makes an error that is ErrPending.
func Pendingf(format string, args ...any) error { return pendingError(fmt.Sprintf(format, args...)) }
