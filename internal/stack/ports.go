package stack

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// loopback is the only address on which the parts listen.
const loopback = "127.0.0.1"

// The settings of the ports. An error about a busy port names its setting; the caller of Start reads them.
const (
	SettingTemporalPort   = "IRIS_TEMPORAL_PORT"
	SettingTemporalUIPort = "IRIS_TEMPORAL_UI_PORT"
	SettingS3Port         = "IRIS_S3_PORT"
	SettingS3ConsolePort  = "IRIS_S3_CONSOLE_PORT"
	SettingMLflowPort     = "IRIS_MLFLOW_PORT"
)

// Ports holds the ports on which the parts listen. 0 means a free one.
type Ports struct {
	Temporal, TemporalUI, S3, S3Console, MLflow int
}

// DefaultPorts returns the usual ports of the servers.
func DefaultPorts() Ports {
	return Ports{Temporal: 7233, TemporalUI: 8233, S3: 9000, S3Console: 9001, MLflow: 5000}
}

// listener is a port on which a part listens.
type listener struct {
	name    string // for people
	setting string
	number  int // 0 for a free one
}

// of lists the ports of a part, in the order of the arguments of its prepare function.
func (p Ports) of(part Part) []listener {
	switch part {
	case MinIO:
		return []listener{{"S3", SettingS3Port, p.S3}, {"MinIO console", SettingS3ConsolePort, p.S3Console}}
	case Temporal:
		return []listener{{"Temporal", SettingTemporalPort, p.Temporal}, {"Temporal UI", SettingTemporalUIPort, p.TemporalUI}}
	default:
		return []listener{{"MLflow", SettingMLflowPort, p.MLflow}}
	}
}

// claim returns the numbers of the ports. It replaces each 0 with a free port and checks that nothing listens on the
// others.
func claim(listeners []listener) ([]int, error) {
	var numbers []int
	var busy error
	for _, l := range listeners {
		number, err := l.number, error(nil)
		if number == 0 {
			number, err = freePort()
		} else {
			err = l.check()
		}
		numbers, busy = append(numbers, number), errors.Join(busy, err)
	}
	return numbers, busy
}

// free reports whether no number is fixed, so that start may choose others.
func free(listeners []listener) bool {
	return !slices.ContainsFunc(listeners, func(l listener) bool { return l.number != 0 })
}

// check fails if a program listens on the port. It dials as well as listens, because some systems let two servers share
// a port if one of them listens on every address.
func (l listener) check() error {
	busy := fmt.Errorf("port %d (%s) is in use: stop what listens there or set %s", l.number, l.name, l.setting)
	if c, err := net.DialTimeout("tcp", address(l.number), time.Second); err == nil {
		_ = c.Close()
		return busy
	}
	trial, err := net.Listen("tcp", address(l.number))
	if errors.Is(err, syscall.EADDRINUSE) {
		return busy
	}
	if err != nil {
		return fmt.Errorf("port %d (%s) cannot be used: set %s: %w", l.number, l.name, l.setting, err)
	}
	return trial.Close()
}

// freePort finds a port on which nothing listens. It searches below the range that systems use for outgoing
// connections, because such a connection could take the port before a slow part listens on it.
func freePort() (int, error) {
	const lowest, highest = 10_000, 30_000
	var last error
	for range 50 {
		number := lowest + rand.IntN(highest-lowest)
		l, err := net.Listen("tcp", address(number))
		if err == nil {
			return number, l.Close()
		}
		last = err
	}
	return 0, fmt.Errorf("find a free port: %w", last)
}

// address returns the loopback address of a port.
func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
