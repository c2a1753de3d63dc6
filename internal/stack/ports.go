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

// loopback is the only address that anything listens on.
const loopback = "127.0.0.1"

// The settings that choose the ports, named in the error about a busy port. Whoever starts the stack reads them.
const (
	SettingTemporalPort   = "IRIS_TEMPORAL_PORT"
	SettingTemporalUIPort = "IRIS_TEMPORAL_UI_PORT"
	SettingS3Port         = "IRIS_S3_PORT"
	SettingS3ConsolePort  = "IRIS_S3_CONSOLE_PORT"
	SettingMLflowPort     = "IRIS_MLFLOW_PORT"
)

// Ports are the ports that the parts listen on; 0 stands for a free one.
type Ports struct {
	Temporal, TemporalUI, S3, S3Console, MLflow int
}

// DefaultPorts are the ports that people know these servers by.
func DefaultPorts() Ports {
	return Ports{Temporal: 7233, TemporalUI: 8233, S3: 9000, S3Console: 9001, MLflow: 5000}
}

// listener is a port that a part listens on.
type listener struct {
	name    string // what a person calls it
	setting string
	number  int // 0 for a free one
}

// of lists the ports of a part, in the order in which its prepare function takes them.
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

// claim returns the numbers of the ports, free ones in place of zeros, after checking that nothing listens on the
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

// free reports whether all the numbers are ours to choose, so that others will do as well.
func free(listeners []listener) bool {
	return !slices.ContainsFunc(listeners, func(l listener) bool { return l.number != 0 })
}

// check fails when something listens on the port already. It dials as well as listens, because some systems let two
// servers share a port when one of them listens on every address.
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

// freePort finds a port that nothing listens on. It looks below the range from which systems take the ports of outgoing
// connections, because one of those could take it before a slow part gets to listen.
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

// address is the loopback address of a port.
func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
