package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// readyTimeout bounds the wait for one part. MLflow takes about 12 s on two idle cores, and longer on a busy machine.
const readyTimeout = 3 * time.Minute

// pollInterval is the time between two probes of a part. probeTimeout bounds one probe.
const (
	pollInterval = 100 * time.Millisecond
	probeTimeout = 3 * time.Second
)

// portAttempts bounds how often start launches a part because another program took the free port chosen for it.
const portAttempts = 5

// errPortTaken means that a part ended because another program took its port.
var errPortTaken = errors.New("port taken")

// service describes how to launch one part on given ports.
type service struct {
	command command
	probe   func(context.Context) error // succeeds when the part answers
	publish func(*Addresses)            // fills in the addresses of the part
}

// start launches a part and waits until it answers. It does nothing if the part is running. prepare receives the ports
// of the part in the order of Ports.of.
func (s *Stack) start(ctx context.Context, part Part, prepare func(ports []int) (service, error)) error {
	if s.process(part) != nil {
		return nil
	}
	listeners := s.options.Ports.of(part)
	for attempt := 1; ; attempt++ {
		ports, err := claim(listeners)
		if err != nil {
			return err
		}
		v, err := prepare(ports)
		if err != nil {
			return fmt.Errorf("start %s: %w", part, err)
		}
		err = s.launch(ctx, part, v)
		if errors.Is(err, errPortTaken) && free(listeners) && attempt < portAttempts {
			continue
		}
		return err
	}
}

// launch runs a part once.
func (s *Stack) launch(ctx context.Context, part Part, v service) error {
	p, err := startProcess(part, v.command, filepath.Join(s.options.LogDir, string(part)+".log"))
	if err != nil {
		return err
	}
	end := s.log.during("waiting for "+string(part), s.options.beat)
	err = awaitReady(ctx, p, v.probe)
	took := end()
	if err != nil {
		p.stop(context.WithoutCancel(ctx))
		return err
	}
	s.log.printf("%s is ready (%s)", part, seconds(took))
	s.mu.Lock()
	s.running[part] = p
	v.publish(&s.addresses)
	s.mu.Unlock()
	go s.watch(p)
	return nil
}

// awaitReady returns nil when the probe succeeds. It fails when the process ends, after readyTimeout, or when ctx ends.
func awaitReady(ctx context.Context, p *process, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("no answer within %s", readyTimeout))
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	last := errors.New("not probed yet")
	for {
		select {
		case <-p.done:
			err := p.exitError()
			if strings.Contains(strings.ToLower(p.log.tail()), "in use") {
				return fmt.Errorf("%w: %w", errPortTaken, err)
			}
			return err
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w (%w); the end of %s:\n%s",
				p.part, context.Cause(ctx), last, p.log.path, p.log.tail())
		case <-tick.C:
		}
		look, cancel := context.WithTimeout(ctx, probeTimeout)
		err := probe(look)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil { // otherwise the error says only that ctx has ended
			last = err
		}
	}
}

// environment returns the environment of this process without the variables that start with one of the prefixes, plus
// the given NAME=value pairs. A user's settings for other servers and tools must not reach the parts.
func environment(without []string, with ...string) []string {
	inherited := slices.DeleteFunc(os.Environ(), func(pair string) bool {
		return slices.ContainsFunc(without, func(prefix string) bool { return strings.HasPrefix(pair, prefix) })
	})
	return append(inherited, with...)
}
