package observe

import (
	"errors"
	"fmt"
)

// ErrPending marks what is not there yet and may come by itself: a namespace, a process, a device.
var ErrPending = errors.New("not there yet")

// pendingError is ErrPending with words of its own.
type pendingError string

func (e pendingError) Error() string        { return string(e) }
func (e pendingError) Is(target error) bool { return target == ErrPending }

// Pendingf makes an error that is ErrPending.
func Pendingf(format string, args ...any) error { return pendingError(fmt.Sprintf(format, args...)) }
