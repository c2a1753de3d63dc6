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

// readyTimeout bounds the wait for one part. MLflow needs about 12 s on two idle cores; the rest is for busy machines.
const readyTimeout = 3 * time.Minute

// pollInterval is the time between two looks at whether a part answers yet; probeTimeout bounds one look.
const (
	pollInterval = 100 * time.Millisecond
	probeTimeout = 3 * time.Second
)

// portAttempts bounds how often a part is started anew because somebody took the free port that was chosen for it.
const portAttempts = 5

// errPortTaken marks a part that ended because its free port was no longer free.
var errPortTaken = errors.New("port taken")

// service is one part ready to be launched on ports of its own.
type service struct {
	command command
	probe   func(context.Context) error // nil error when the part answers
	publish func(*Addresses)            // fills in where it answers
}

// start launches a part and waits until it answers; one that runs already is left alone. prepare gets the ports of the
// part, in the order of Ports.of.
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

// launch runs the part once.
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

// awaitReady returns nil once the probe succeeds, and an error when the process ends, time is up or ctx ends.
func awaitReady(ctx context.Context, p *process, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("no answer within %s", readyTimeout))
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	last := errors.New("not asked yet")
	for {
		select {
		case <-p.done:
			err := p.exitError()
			if strings.Contains(strings.ToLower(p.log.tail()), "in use") {
				return fmt.Errorf("%w: %w", errPortTaken, err)
			}
			return err
		case <-ctx.Done():
			return fmt.Errorf(
				"wait for %s: %w (%w); the end of %s:\n%s",
				p.part,
				context.Cause(ctx),
				last,
				p.log.path,
				p.log.tail(),
			)
		case <-tick.C:
		}
		look, cancel := context.WithTimeout(ctx, probeTimeout)
		err := probe(look)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil { // otherwise the error says only that we gave up
			last = err
		}
	}
}

// environment is ours without the variables that start with one of the prefixes, and with the given NAME=value pairs.
// Settings that a person made for their own servers and tools must not reach the parts.
func environment(without []string, with ...string) []string {
	inherited := slices.DeleteFunc(os.Environ(), func(pair string) bool {
		return slices.ContainsFunc(without, func(prefix string) bool { return strings.HasPrefix(pair, prefix) })
	})
	return append(inherited, with...)
}
