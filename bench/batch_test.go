//go:build bench && linux

package bench

import (
	"bufio"
	"bytes"
	_ "embed" // batch_peer.py
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"iris/internal/dataset/datasettest"
	"iris/internal/objstore"
	"iris/internal/stack"
	"iris/workflows"
)

//go:embed batch_peer.py
var batchPeer string

// batchRun says how much a run measures.
type batchRun struct {
	rows, bigRows int
	rounds        int
	repeats       int // how often a small batch is measured
}

// scorer reads a file of rows and writes a file of scores.
type scorer struct {
	title   string
	seconds []float64 // by round
	scoring []float64 // the part in the model, where it is known
	labels  map[string]int
	run     func() (filed, error)
}

// filed is the report of a scorer on one file.
type filed struct {
	Seconds float64        `json:"seconds"`
	Scoring float64        `json:"scoring"`
	Rows    int            `json:"rows"`
	Labels  map[string]int `json:"labels"`
}

const (
	forest = "iris-forest"
	linear = "iris"
)

// TestBenchBatch takes some minutes and needs the machine to itself.
func TestBenchBatch(t *testing.T) {
	r := batchRun{
		rows: setting(t, "BENCH_ROWS", 1_000_000), bigRows: setting(t, "BENCH_BIG_ROWS", 10_000_000),
		rounds: setting(t, "BENCH_ROUNDS", 3), repeats: setting(t, "BENCH_REPEATS", 30),
	}
	s := startSystem(t, stack.Interop, stack.BatchPeers)
	s.train(t, linear, nil, url.Values{"algorithm": {"logistic_regression"}})
	s.train(t, forest, datasettest.Iris(), url.Values{"algorithm": {"random_forest"}})
	rows := s.putRows(t, r.rows)
	_, uri := s.champion(t, forest)
	peers := s.startBatchPeers(t, s.download(t, uri))

	all := []*scorer{
		{title: "iris, `random_forest`", run: func() (filed, error) { return s.file(t, forest, rows) }},
		{
			title: "scikit-learn, RandomForestClassifier",
			run:   func() (filed, error) { return peers.file(t, "scikit-learn", rows), nil },
		},
		{
			title: "onnxruntime, the same `random_forest`",
			run:   func() (filed, error) { return peers.file(t, "onnxruntime", rows), nil },
		},
		{title: "iris, `logistic_regression`", run: func() (filed, error) { return s.file(t, linear, rows) }},
	}
	for round := range r.rounds {
		for turn := range all {
			all[(turn+round)%len(all)].measure(t, r, round)
		}
	}
	if a, b := all[0].labels, all[2].labels; !sameCounts(a, b) {
		t.Errorf("iris finds %v, onnxruntime with the same model %v", a, b)
	}
	small := s.smallBatches(t, r.repeats)
	big := s.big(t, r)
	writeSection(t, "bench-batch", batchPage(t, peers.versions, r, all, small, big))
}

// measure scores the file once.
func (v *scorer) measure(t *testing.T, r batchRun, round int) {
	t.Helper()
	f, err := v.run()
	if err != nil {
		t.Fatalf("%s: %v", v.title, err)
	}
	found := 0
	for _, n := range f.Labels {
		found += n
	}
	if f.Rows != r.rows || found != r.rows {
		t.Fatalf("%s: %d rows, %d of them with a label, want %d", v.title, f.Rows, found, r.rows)
	}
	v.labels = f.Labels
	v.seconds = append(v.seconds, f.Seconds)
	v.scoring = append(v.scoring, f.Scoring)
	t.Logf(
		"round %d: %s: %.2f s, %.2f s of them in the model, labels %v",
		round+1,
		v.title,
		f.Seconds,
		f.Scoring,
		f.Labels,
	)
}

// sameCounts lets one row in ten thousand differ, because onnxruntime's sums may differ in their last bits.
func sameCounts(a, b map[string]int) bool {
	total, off := 0, 0.0
	for label, n := range a {
		total += n
		off += math.Abs(float64(n - b[label]))
	}
	return len(a) == len(b) && off <= float64(total)/1e4
}

// putRows stores a file of rows near those of iris. It is the same in every run.
func (s *system) putRows(t *testing.T, rows int) objstore.Ref {
	t.Helper()
	table := tableOf(t, datasettest.Iris())
	reader, writer := io.Pipe()
	go func() {
		random := rand.New(rand.NewPCG(42, 42))
		out := bufio.NewWriterSize(writer, 1<<16)
		_, _ = out.WriteString("sepal_length,sepal_width,petal_length,petal_width\n")
		var line []byte
		for i := range rows {
			line = line[:0]
			for f, v := range table.Row(i % table.Rows()) {
				if f > 0 {
					line = append(line, ',')
				}
				line = strconv.AppendFloat(line, math.Abs(v+random.NormFloat64()*.1), 'f', 2, 64)
			}
			_, _ = out.Write(append(line, '\n')) // Flush returns its error
		}
		writer.CloseWithError(out.Flush())
	}()
	ref, err := s.Store.Put(t.Context(), bucket, fmt.Sprintf("given/rows-%d.csv", rows), reader, -1, "text/csv")
	if err != nil {
		t.Fatalf("put %d rows: %v", rows, err)
	}
	return ref
}

// file runs a batch prediction and then counts its labels, which is not timed.
func (s *system) file(t *testing.T, name string, rows objstore.Ref) (filed, error) {
	t.Helper()
	start := time.Now()
	id, wait := s.startBatch(t, name, rows)
	result, err := wait()
	if err != nil {
		return filed{}, err
	}
	f := filed{Seconds: time.Since(start).Seconds(), Rows: int(result.Rows), Labels: map[string]int{}}
	response, err := http.Get(s.url + "/" + name + "/predict/batch/" + id + "/output")
	if err != nil {
		return filed{}, err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Scan() // the header: label, and a column for each probability
	for lines.Scan() {
		label, _, _ := bytes.Cut(lines.Bytes(), []byte{','})
		f.Labels[string(label)]++
	}
	return f, lines.Err()
}

// startBatch starts a batch prediction as the API does. It returns the id and a function that waits for the end.
func (s *system) startBatch(
	t *testing.T,
	name string,
	rows objstore.Ref,
) (string, func() (workflows.BatchResult, error)) {
	t.Helper()
	id := workflows.NewBatchID(name)
	started, err := s.Temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.TaskQueue, Memo: map[string]any{workflows.MemoModel: name},
	}, workflows.BatchPrediction, workflows.BatchInput{Model: name, Rows: rows})
	if err != nil {
		t.Fatalf("start a batch: %v", err)
	}
	return id, func() (result workflows.BatchResult, err error) {
		err = started.Get(t.Context(), &result)
		return result, err
	}
}

// peersProcess is a running batch_peer.py.
type peersProcess struct {
	*process
	out int // files written so far
}

// startBatchPeers starts the peers and waits until they are fitted and loaded.
func (s *system) startBatchPeers(t *testing.T, onnx string) *peersProcess {
	t.Helper()
	data := filepath.Join(t.TempDir(), "iris.csv")
	write(t, data, datasettest.Iris())
	a := s.addresses
	for _, pair := range [][2]string{
		{"S3_ENDPOINT", a.S3},
		{"S3_ACCESS_KEY", a.S3AccessKey},
		{"S3_SECRET_KEY", a.S3SecretKey},
		{"NO_PROXY", "127.0.0.1"},
		{"no_proxy", "127.0.0.1"},
	} {
		t.Setenv(pair[0], pair[1])
	}
	return &peersProcess{process: startScript(t, s.paths.BatchPeers, batchPeer, onnx, data)}
}

// file makes a peer score the rows.
func (p *peersProcess) file(t *testing.T, engine string, rows objstore.Ref) filed {
	t.Helper()
	p.out++
	p.send(t, map[string]string{
		"engine": engine, "bucket": rows.Bucket, "input": rows.Key, "output": fmt.Sprintf("given/scores-%d.csv", p.out),
	})
	var f filed
	p.read(t, &f)
	return f
}

// smallBatches returns the milliseconds from the POST of a hundred rows to their result, for each repeat.
func (s *system) smallBatches(t *testing.T, repeats int) []float64 {
	t.Helper()
	var all []float64
	for range repeats {
		all = append(all, s.smallBatch(t))
	}
	t.Logf("a batch of 100 rows: %.0f ms", median(all))
	return all
}

const smallRows = 100

func (s *system) smallBatch(t *testing.T) float64 {
	t.Helper()
	m, _ := s.champion(t, linear)
	table := tableOf(t, datasettest.Iris())
	body := []byte(`{"data":[`)
	for r := range smallRows {
		if r > 0 {
			body = append(body, ',')
		}
		body = append(body, objectOf(t, m, table.Row(r))...)
	}
	body = append(body, `]}`...)
	start := time.Now()
	status, answer := post(t, s.url+"/"+linear+"/predict/batch", "application/json", body)
	var task struct {
		ID string `json:"task_id"`
	}
	if err := json.Unmarshal(answer, &task); err != nil || status != http.StatusAccepted {
		t.Fatalf("batch: status %d: %s", status, answer)
	}
	s.worker.await(t, 2*time.Millisecond, func() error {
		var state struct{ State string }
		getJSON(t, s.url+"/tasks/"+task.ID, &state)
		if state.State != "SUCCESS" {
			return fmt.Errorf("batch %s is %s", task.ID, state.State)
		}
		return nil
	})
	var result []struct{ Label string }
	getJSON(t, s.url+"/"+linear+"/predict/batch/"+task.ID, &result)
	took := time.Since(start).Seconds() * 1e3
	if len(result) != smallRows {
		t.Fatalf("batch %s has %d rows, want %d", task.ID, len(result), smallRows)
	}
	return took
}

// bigBatch has the figures of a large batch, and of the small ones beside it.
type bigBatch struct {
	rows    int
	seconds float64
	peak    int64     // bytes of the worker, which was started for it
	small   []float64 // milliseconds of the small batches beside it
}

// big runs a large batch on a new worker, and small ones until it ends.
func (s *system) big(t *testing.T, r batchRun) bigBatch {
	t.Helper()
	rows := s.putRows(t, r.bigRows)
	s.worker.stop()
	s.worker = run(t, "big-worker", s.environment, s.binary, "worker")
	s.smallBatch(t) // now the worker is up and has the model
	_, wait := s.startBatch(t, forest, rows)
	type end struct {
		result  workflows.BatchResult
		err     error
		seconds float64
	}
	ended := make(chan end, 1)
	start := time.Now()
	go func() {
		result, err := wait()
		ended <- end{result, err, time.Since(start).Seconds()}
	}()
	b := bigBatch{rows: r.bigRows}
	for {
		select {
		case e := <-ended:
			if e.err == nil && int(e.result.Rows) != r.bigRows {
				e.err = fmt.Errorf("%d rows scored", e.result.Rows)
			}
			if e.err != nil {
				t.Fatalf("a batch of %d rows: %v", r.bigRows, e.err)
			}
			b.seconds, b.peak = e.seconds, s.worker.usage(t).peak
			if len(b.small) > 1 {
				b.small = b.small[:len(b.small)-1] // the last one may have outlasted the large batch
			}
			if len(b.small) == 0 {
				t.Fatal(errors.New("the large batch ended before a small one: set BENCH_BIG_ROWS higher"))
			}
			t.Logf(
				"%d rows: %.1f s, worker peak %.0f MB, %d small batches meanwhile: %.0f ms",
				b.rows,
				b.seconds,
				float64(b.peak)/1e6,
				len(b.small),
				median(b.small),
			)
			return b
		default:
			b.small = append(b.small, s.smallBatch(t))
		}
	}
}

// batchPage returns the section of a run.
func batchPage(
	t *testing.T,
	versions map[string]string,
	r batchRun,
	all []*scorer,
	small []float64,
	big bigBatch,
) string {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(machine(t, versions))
	fmt.Fprintf(&b, "| run | %d rounds of %d rows, a file in MinIO to a file in MinIO |\n", r.rounds, r.rows)
	b.WriteString(
		"\n| engine | s | rows/s | of that in the model, s | iris, the same family, takes … of the time |\n" +
			"| --- | --- | --- | --- | --- |\n",
	)
	for _, v := range all {
		scoring, ratio := "", ""
		if v.scoring[0] > 0 {
			scoring = fmt.Sprintf("%.2f", median(v.scoring))
			var ratios []float64
			for round, seconds := range v.seconds {
				ratios = append(ratios, all[0].seconds[round]/seconds)
			}
			ratio = fmt.Sprintf("%.2f", median(ratios))
		}
		fmt.Fprintf(
			&b,
			"| %s | %.2f | %.0f | %s | %s |\n",
			v.title,
			median(v.seconds),
			float64(r.rows)/median(v.seconds),
			scoring,
			ratio,
		)
	}
	b.WriteString("\n| | |\n| --- | --- |\n")
	fmt.Fprintf(
		&b,
		"| %d rows by iris, `random_forest` | %.1f s, %.0f rows/s; the worker's memory peaks at %.0f MB |\n",
		big.rows,
		big.seconds,
		float64(big.rows)/big.seconds,
		float64(big.peak)/1e6,
	)
	fmt.Fprintf(
		&b,
		"| %d rows as JSON, from POST to result, median of %d | %.0f ms |\n",
		smallRows,
		len(small),
		median(small),
	)
	fmt.Fprintf(
		&b,
		"| the same while those %d rows are scored, median of %d | %.0f ms |\n",
		big.rows,
		len(big.small),
		median(big.small),
	)
	return b.String()
}
