//go:build bench && linux

package bench

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"iris/internal/dataset/datasettest"
	"iris/internal/stack"
)

// connections has the numbers of parallel clients. Each waits for its answer before it sends the next request.
var connections = []int{1, 16, 64}

// servingRun says how much a run measures.
type servingRun struct {
	length   time.Duration // of a cell: one server with one number of connections
	rounds   int
	requests int // answers of the API before its memory is measured
	repeats  int // of starts and of trainings
}

// cell has the figures of a server with one number of connections in one round.
type cell struct {
	shots
	cpu float64 // milliseconds per request, over all its processes
	rss int64   // bytes afterwards, over all its processes
}

// arena has servers that take turns with the same question.
type arena struct {
	title   string
	servers []*server
	cells   map[*server][][]cell // by connections and round
}

// TestBenchServing takes up to a quarter of an hour and needs the machine to itself.
func TestBenchServing(t *testing.T) {
	needWrk(t)
	r := servingRun{
		length: time.Duration(setting(t, "BENCH_SECONDS", 3)) * time.Second, rounds: setting(t, "BENCH_ROUNDS", 5),
		requests: setting(t, "BENCH_REQUESTS", 1_000_000), repeats: setting(t, "BENCH_REPEATS", 5),
	}
	s := startSystem(t, stack.Interop, stack.FastAPI, stack.MLServer)
	row := []float64{5.9, 3.0, 4.2, 1.5}
	var arenas []*arena
	for _, m := range []struct{ name, algorithm string }{
		{"iris", "logistic_regression"},
		{"iris-forest", "random_forest"},
	} {
		s.train(t, m.name, csvOf(m.name), url.Values{"algorithm": {m.algorithm}})
		q := s.ask(t, m.name, row)
		onnx := s.download(t, q.uri)
		arenas = append(arenas, &arena{
			title:   fmt.Sprintf("`%s` on iris, 4 features", m.algorithm),
			servers: []*server{s.iris(q), s.bare(t, q), s.fastapi(t, q, onnx), s.mlserver(t, q, onnx), s.mlflow(t, q)},
		})
	}
	s.train(t, "breast-cancer", datasettest.BreastCancer(), url.Values{"algorithm": {"logistic_regression"}})
	wide := s.ask(t, "breast-cancer", load30(t))
	arenas = append(
		arenas,
		&arena{
			title:   "`logistic_regression` on breast cancer, 30 features",
			servers: []*server{s.iris(wide), s.bare(t, wide)},
		},
	)
	for _, a := range arenas {
		for _, v := range a.servers {
			v.ready(t)
		}
	}
	for _, a := range arenas {
		a.measure(t, r)
	}
	e := s.extras(t, r, arenas)
	writeSection(t, "bench-serving", servingPage(t, s, r, arenas, e))
}

// csvOf returns the data of a model: nil for the default model, which trains on the bundled data.
func csvOf(name string) []byte {
	if name == "iris" {
		return nil
	}
	return datasettest.Iris()
}

// load30 returns the first row of breast cancer.
func load30(t *testing.T) []float64 {
	t.Helper()
	return tableOf(t, datasettest.BreastCancer()).Row(0)
}

// measure warms each server up for a second, and then lets the servers take turns, in another order each round.
func (a *arena) measure(t *testing.T, r servingRun) {
	t.Helper()
	a.cells = make(map[*server][][]cell)
	for _, v := range a.servers {
		v.shoot(t, connections[1], time.Second)
		a.cells[v] = make([][]cell, len(connections))
	}
	for round := range r.rounds {
		for i, n := range connections {
			for turn := range a.servers {
				v := a.servers[(turn+round)%len(a.servers)]
				c := v.cell(t, n, r.length)
				a.cells[v][i] = append(a.cells[v][i], c)
				t.Logf(
					"%s, round %d, %d connections: %s: %.0f requests/s, %.3f ms, %.3f ms CPU",
					a.title,
					round+1,
					n,
					v.title,
					c.rate,
					c.p50,
					c.cpu,
				)
			}
		}
	}
}

// cell measures a server and checks its answer before and after.
func (s *server) cell(t *testing.T, connections int, length time.Duration) cell {
	t.Helper()
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	before := s.program.usage(t)
	l := s.shoot(t, connections, length)
	after := s.program.usage(t)
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	return cell{shots: l, cpu: (after.cpu - before.cpu).Seconds() * 1e3 / float64(l.requests), rss: after.rss}
}

// of returns one figure of a server for each round.
func (a *arena) of(v *server, connections int, figure func(cell) float64) []float64 {
	var all []float64
	for _, c := range a.cells[v][connections] {
		all = append(all, figure(c))
	}
	return all
}

// ratio returns how many times as many requests the first server answers as v, as the median over the rounds.
func (a *arena) ratio(v *server, connections int) float64 {
	var all []float64
	for round, c := range a.cells[v][connections] {
		all = append(all, a.cells[a.servers[0]][connections][round].rate/c.rate)
	}
	return median(all)
}

// extras has the figures that are measured after the cells.
type extras struct {
	first    []float64 // milliseconds from the start of an API process to its first right prediction
	training []float64 // seconds from POST to the first answer by the new champion
	requests int       // answers of the API in total
	rss      int64     // bytes after these
	peak     int64
}

// extras measures the memory first, because what follows trains models.
func (s *system) extras(t *testing.T, r servingRun, arenas []*arena) extras {
	t.Helper()
	var e extras
	v := arenas[0].servers[0]
	for _, a := range arenas {
		for _, rounds := range a.cells[a.servers[0]] {
			for _, c := range rounds {
				e.requests += c.requests
			}
		}
	}
	for e.requests < r.requests {
		e.requests += v.shoot(t, connections[2], r.length).requests
	}
	u := v.program.usage(t)
	e.rss, e.peak = u.rss, u.peak
	for range r.repeats {
		p, base := s.startAPI(t)
		again := *v
		again.program, again.url = p, base+"/iris/predict"
		p.await(t, time.Millisecond, again.check)
		e.first = append(e.first, time.Since(p.started).Seconds()*1e3)
		p.stop()
	}
	for i := range r.repeats {
		e.training = append(e.training, s.retrain(t, v, i))
	}
	return e
}

// retrain returns the seconds from the POST of a training to an answer by its version. Each training has another seed,
// and a gate that promotes every version.
func (s *system) retrain(t *testing.T, v *server, i int) float64 {
	t.Helper()
	serving := func() string {
		status, answer := post(t, v.url, "application/json", v.body)
		var a struct {
			Version string `json:"model_version"`
		}
		if err := json.Unmarshal(answer, &a); err != nil || status != http.StatusOK {
			t.Fatalf("predict: status %d: %s", status, answer)
		}
		return a.Version
	}
	old := serving()
	start := time.Now()
	body := fmt.Appendf(nil, `{"seed":%d,"gate":{"tolerance":0.5,"log_loss_tolerance":10}}`, 100+i)
	if status, answer := post(t, s.url+"/iris/training", "application/json", body); status != http.StatusAccepted {
		t.Fatalf("training: status %d: %s", status, answer)
	}
	s.worker.await(t, 2*time.Millisecond, func() error {
		if version := serving(); version == old {
			return fmt.Errorf("version %s still serves", old)
		}
		return nil
	})
	return time.Since(start).Seconds()
}
