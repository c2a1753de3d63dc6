// Package sweep finds and ends what tasks left behind: tasks that Temporal has lost, runs of MLflow that stay RUNNING,
// logged models that stay PENDING, versions that exist twice, uploads that were never completed, and objects that no
// task reads any more. It decides by the age of a thing and the state of its workflow. It never touches what is not
// Iris' own, nor what a running or waiting task may need, and two sweeps may run at the same time.
package sweep

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/registry"
)

// Settings say when a thing counts as left behind.
type Settings struct {
	// Grace is how long after the end of its workflow a task may still be closing what it opened.
	Grace time.Duration `json:"grace"`
	// Leftovers is how long after the end of a task its objects stay, so that somebody may reset the workflow.
	Leftovers time.Duration `json:"leftovers"`
	// Uploads is how long an upload in parts may take. The longest activity that writes one takes 12 h.
	Uploads time.Duration `json:"uploads"`
	// DryRun changes nothing. The report says what would be done.
	DryRun bool `json:"dry_run,omitempty"`
}

// Defaults of Settings.
const (
	DefaultGrace     = 10 * time.Minute
	DefaultLeftovers = 7 * 24 * time.Hour
	DefaultUploads   = 24 * time.Hour
)

// Options are the dependencies and settings of a Sweeper. All are required, except that zero Settings are the defaults.
type Options struct {
	MLflow    *mlflow.Client
	Registry  *registry.Registry
	Store     *objstore.Store
	Bucket    string
	Temporal  client.Client
	Namespace string
	Logger    log.Logger
	// Outcome translates the error that a workflow ended with into a state and its reason.
	Outcome func(error) (state string, reason *StatusError)
	// Beat is called after each step of the work, with the report so far.
	Beat func(Report)

	Settings
}

// Report is what a step of a sweep has done.
type Report struct {
	Checked int      `json:"checked"`          // things that might be left behind
	Acted   int      `json:"acted"`            // things that were, and that were ended or deleted
	Failed  int      `json:"failed,omitempty"` // attempts that failed; the next sweep tries again
	Acts    []string `json:"acts,omitempty"`   // the first of the acts, in words
	After   string   `json:"after,omitempty"`  // where a listing continues
	Error   string   `json:"error,omitempty"`  // why the step ended early
}

// maxActs bounds the acts of a report that are in words. The log has all.
const maxActs = 200

// Sweeper makes the steps of one sweep. Each step may run again and continues from a Report.
type Sweeper struct {
	o      Options
	now    time.Time // the sweep judges by one moment
	report Report
	fates  map[string]fate
	runs   map[string]mlflow.Run // parents of trials
}

// New returns a Sweeper that continues from a report.
func New(o Options, from Report) *Sweeper {
	for value, fallback := range map[*time.Duration]time.Duration{
		&o.Grace: DefaultGrace, &o.Leftovers: DefaultLeftovers, &o.Uploads: DefaultUploads,
	} {
		if *value <= 0 {
			*value = fallback
		}
	}
	return &Sweeper{o: o, now: time.Now(), report: from, fates: map[string]fate{}, runs: map[string]mlflow.Run{}}
}

// check counts a thing that might be left behind.
func (s *Sweeper) check() {
	s.report.Checked++
	s.o.Beat(s.report)
}

// act does what the sweep decided, unless the run is dry. A failure is logged, and the next sweep tries again.
func (s *Sweeper) act(ctx context.Context, what, why string, do func() error) {
	line := what + ": " + why
	if !s.o.DryRun {
		if err := do(); err != nil {
			s.report.Failed++
			s.o.Logger.Warn("the sweep cannot end what was left behind", "what", what, "why", why, "error", err)
			return
		}
		s.o.Logger.Info("the sweep has ended what was left behind", "what", what, "why", why)
	}
	s.report.Acted++
	if len(s.report.Acts) < maxActs {
		s.report.Acts = append(s.report.Acts, line)
	}
	s.o.Beat(s.report)
}

// put and remove change the bucket of Iris.

func (s *Sweeper) put(ctx context.Context, key string, v any) error {
	_, err := s.o.Store.PutJSON(ctx, s.o.Bucket, key, v)
	return err
}

func (s *Sweeper) remove(ctx context.Context, keys []string) error {
	for _, key := range keys {
		if err := s.o.Store.Delete(ctx, s.o.Bucket, key); err != nil {
			return fmt.Errorf("after some of %d objects: %w", len(keys), err)
		}
		s.o.Beat(s.report)
	}
	return nil
}
