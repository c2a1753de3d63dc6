//go:build bench

package bench

import (
	"cmp"
	"encoding/json"
	"flag"
	"runtime"
	"slices"
	"testing"
	"time"

	"iris/model"
)

// measured has all figures of a data set.
type measured struct {
	data    data
	plan    plan
	results []result
}

// result has the figures of one contest.
type result struct {
	contest
	ours   side
	peers  []side // the fastest setting of each of its peers
	memory uint64 // bytes that one fit allocates, in total
	peak   int64  // peak bytes of a process that fits
	row    testing.BenchmarkResult
}

// side has the figures of one learner.
type side struct {
	threads           int
	seconds           []float64 // for a fit, by round
	accuracy, logLoss []float64 // by fold
}

// runs is how often the time of a single row is measured. The median counts.
const runs = 5

// measure runs the contests of a data set, one after the other.
func measure(t *testing.T, dir string, d data, peers *process) measured {
	m := measured{data: d, plan: planOf(d.name)}
	for _, c := range contests(d.name) {
		r := measureContest(t, d, m.plan, c, peers)
		r.peak = peakOfFit(t, dir, d, c)
		t.Logf("%s: %s: a fit %.5f s, %v", d.name, c.title, median(r.ours.seconds), r.row)
		for i, p := range r.peers {
			t.Logf("    %s, %d threads: %.5f s", c.peers[i].name, p.threads, median(p.seconds))
		}
		m.results = append(m.results, r)
	}
	return m
}

// measureContest lets the two sides take turns. A fold is scored at its first fit.
func measureContest(t *testing.T, d data, p plan, c contest, peers *process) result {
	t.Helper()
	r := result{contest: c, ours: side{threads: threads}}
	tried := make([][]side, len(c.peers)) // by number of threads
	for i := range tried {
		tried[i] = make([]side, len(p.peerThreads))
	}
	if p.warmUp {
		r.ours.round(t, d, c, p.of(0), false)
	}
	for round := range p.rounds {
		score := round < len(p.folds)
		r.ours.round(t, d, c, p.of(round), score)
		for i, peer := range c.peers {
			for j, n := range p.peerThreads {
				if peer.once && round > 0 && !p.warmUp {
					continue
				}
				ask := request{Data: d.name, Peer: peer.name, Threads: n, Folds: p.of(round), Score: score}
				if p.warmUp && round == 0 {
					peers.fit(t, ask)
				}
				tried[i][j].add(n, peers.fit(t, ask))
			}
		}
	}
	if p.warmUp {
		r.ours.seconds = r.ours.seconds[1:]
	}
	for _, sides := range tried {
		r.peers = append(r.peers, slices.MinFunc(sides, func(a, b side) int {
			return cmp.Compare(median(a.seconds), median(b.seconds))
		}))
	}
	r.memory = allocated(func() { c.train(t, d.folds[0]) })
	r.row = predict(t, d, c)
	return r
}

// round fits the folds and keeps the mean time of a fit.
func (s *side) round(t *testing.T, d data, c contest, folds []int, score bool) {
	t.Helper()
	var total time.Duration
	for _, k := range folds {
		start := time.Now()
		m := c.train(t, d.folds[k])
		total += time.Since(start)
		if score {
			metrics, err := model.Evaluate(m, d.folds[k].test)
			if err != nil {
				t.Fatal(err)
			}
			s.accuracy = append(s.accuracy, metrics.Accuracy)
			s.logLoss = append(s.logLoss, metrics.LogLoss)
		}
	}
	s.seconds = append(s.seconds, total.Seconds()/float64(len(folds)))
}

// add keeps a peer's round.
func (s *side) add(threads int, a answer) {
	s.threads = threads
	s.seconds = append(s.seconds, mean(a.Seconds))
	s.accuracy = append(s.accuracy, a.Accuracy...)
	s.logLoss = append(s.logLoss, a.LogLoss...)
}

// train fits Iris's side of c.
func (c contest) train(t *testing.T, f fold) *model.Model {
	t.Helper()
	m, err := model.Train(t.Context(), f.train, c.spec(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (c contest) spec() model.Spec {
	return model.Spec{Algorithm: c.algorithm, Hyperparameters: json.RawMessage(c.hyperparameters), Seed: 42}
}

// predict times the prediction of single rows, all rows of the set in turn.
func predict(t *testing.T, d data, c contest) testing.BenchmarkResult {
	t.Helper()
	m := c.train(t, d.folds[0])
	if err := flag.Set("test.benchtime", "100ms"); err != nil {
		t.Fatal(err)
	}
	var results []testing.BenchmarkResult
	for range runs {
		results = append(results, testing.Benchmark(func(b *testing.B) {
			p := make([]float64, len(d.table.Schema.Classes))
			rows := d.table.Rows()
			b.ReportAllocs()
			r := 0
			for b.Loop() {
				m.Predict(d.table.Row(r), p)
				if r++; r == rows {
					r = 0
				}
			}
		}))
	}
	slices.SortFunc(results, func(a, b testing.BenchmarkResult) int { return cmp.Compare(perRow(a), perRow(b)) })
	return results[runs/2]
}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
