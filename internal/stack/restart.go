package stack

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// Signal sends a signal to every process of a running part.
func (s *Stack) Signal(part Part, signal syscall.Signal) error {
	p := s.process(part)
	if p == nil {
		return fmt.Errorf("signal %s: it is not running", part)
	}
	p.signal(signal)
	return nil
}

// End ends a running part: gently with SIGTERM, or at once with SIGKILL. It returns when no process of the part is
// left. Extend starts the part again, on the same ports and with the same data.
func (s *Stack) End(ctx context.Context, part Part, signal syscall.Signal) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	p := s.process(part)
	if p == nil {
		return fmt.Errorf("end %s: it is not running", part)
	}
	if err := s.options.Ports.keep(part, s.Addresses()); err != nil {
		return fmt.Errorf("end %s: %w", part, err)
	}
	s.mu.Lock()
	delete(s.running, part) // watch reports a part that ends while it is in this map
	s.mu.Unlock()
	p.signal(signal)
	p.stop(ctx)
	return nil
}

// keep fixes the ports of a part to those that it has now.
func (p *Ports) keep(part Part, a Addresses) error {
	var err error
	number := func(hostPort string) int {
		_, port, splitErr := net.SplitHostPort(hostPort)
		n, convErr := strconv.Atoi(port)
		if splitErr != nil || convErr != nil {
			err = fmt.Errorf("%q has no port", hostPort)
		}
		return n
	}
	const scheme = len("http://")
	switch part {
	case MinIO:
		p.S3, p.S3Console = number(a.S3), number(a.S3Console[scheme:])
	case Temporal:
		p.Temporal, p.TemporalUI = number(a.Temporal), number(a.TemporalUI[scheme:])
	case MLflow:
		p.MLflow = number(a.MLflow[scheme:])
	}
	return err
}
