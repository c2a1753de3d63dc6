//go:build bench

package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"iris/internal/objstore"
	"iris/model"
	"iris/workflows"
)

// TestBenchBatch measures batches from an object in MinIO to an object in MinIO, with everything on this machine, and
// the latency of a batch of a hundred rows. `make bench-batch` runs it; IRIS_BENCH_ROWS lists the sizes.
func TestBenchBatch(t *testing.T) {
	s := start(t)
	s.train(workflows.TrainingInput{Model: "iris", Algorithm: model.LogisticRegression})
	s.train(workflows.TrainingInput{Model: "iris", Algorithm: model.RandomForest})
	sizes := os.Getenv("IRIS_BENCH_ROWS")
	if sizes == "" {
		sizes = "1000000"
	}
	for _, size := range strings.Split(sizes, ",") {
		rows, err := strconv.Atoi(size)
		if err != nil {
			t.Fatal(err)
		}
		input := s.putIris(rows)
		for _, version := range []string{"1", "2"} {
			for _, output := range []string{"csv", "parquet"} {
				s.benchBatch(workflows.BatchInput{Model: "iris", ModelID: version, Rows: input, Output: output}, rows)
			}
		}
	}
	s.benchSmall()
}

// putIris stores rows of four measurements as a CSV, without holding them.
func (s *iris) putIris(rows int) objstore.Ref {
	s.t.Helper()
	reader, writer := io.Pipe()
	go func() {
		out := bufio.NewWriterSize(writer, 1<<20)
		random := rand.New(rand.NewPCG(1, 2))
		_, _ = out.WriteString("sepal_length,sepal_width,petal_length,petal_width\n")
		var line []byte
		for range rows {
			line = line[:0]
			for _, span := range [][2]float64{{4.3, 7.9}, {2, 4.4}, {1, 6.9}, {0.1, 2.5}} {
				line = append(strconv.AppendFloat(line, span[0]+random.Float64()*(span[1]-span[0]), 'f', 2, 64), ',')
			}
			line[len(line)-1] = '\n'
			_, _ = out.Write(line)
		}
		writer.CloseWithError(out.Flush())
	}()
	ref, err := s.Store.Put(s.t.Context(), bucket, fmt.Sprintf("bench/%d.csv", rows), reader, -1, "text/csv")
	if err != nil {
		s.t.Fatal(err)
	}
	return ref
}

func (s *iris) benchBatch(in workflows.BatchInput, rows int) {
	s.t.Helper()
	for range 3 {
		debug.FreeOSMemory()
		id := workflows.NewBatchID(in.Model)
		before, begun := cpuSeconds(s.t), time.Now()
		_, err := s.Temporal.ExecuteWorkflow(s.t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue, Priority: workflows.PriorityBulk}, workflows.BatchPrediction, in)
		if err != nil {
			s.t.Fatal(err)
		}
		var result workflows.BatchResult
		if err := s.await(id, &result); err != nil {
			s.t.Fatal(err)
		}
		took := time.Since(begun)
		var cpu []string
		for name, seconds := range cpuSeconds(s.t) {
			if seconds -= before[name]; seconds > 0.02 {
				cpu = append(cpu, fmt.Sprintf("%s %.2f", name, seconds))
			}
		}
		slices.Sort(cpu)
		var m workflows.Manifest
		if err := s.Store.GetJSON(s.t.Context(), bucket, objstore.BatchManifestKey(id), &m); err != nil {
			s.t.Fatal(err)
		}
		s.t.Logf("version %s, %s, %d rows: %.0f rows/s (%v: plan %.2f, score %.2f, assemble %.2f s), %d shards, output %d MB, peak RSS %d MB, CPU seconds: %s", in.ModelID,
			in.Output, rows, float64(rows)/took.Seconds(), took.Round(time.Millisecond), m.Timings.Plan, m.Timings.Score, m.Timings.Assemble, result.Shards,
			m.Output.Size>>20, peakRSS(s.t)>>10, strings.Join(cpu, ", "))
	}
}

// cpuSeconds is what this process and its children have computed, by the names of their programs.
func cpuSeconds(t *testing.T) map[string]float64 {
	t.Helper()
	const ticks = 100 // a second, on every Linux
	seconds := map[string]float64{}
	processes, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range processes {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		open, shut := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
		fields := strings.Fields(string(stat[shut+1:]))
		pid, _ := strconv.Atoi(strings.TrimSpace(string(stat[:open])))
		parent, _ := strconv.Atoi(fields[1])
		if pid != os.Getpid() && parent != os.Getpid() {
			continue
		}
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		seconds[string(stat[open+1:shut])] += float64(user+system) / ticks
	}
	return seconds
}

// peakRSS is the most memory that this process had, in KiB.
func peakRSS(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	value, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// benchSmall measures how long a batch of a hundred rows takes from its POST to its result.
func (s *iris) benchSmall() {
	s.t.Helper()
	body := []byte(`{"data":[` + strings.TrimSuffix(strings.Repeat(flower+",", 100), ",") + `]}`)
	var took []time.Duration
	for range 21 {
		begun := time.Now()
		var batch task
		s.call(http.MethodPost, "/predict/batch", "application/json", body).want(s.t, http.StatusAccepted, &batch)
		for {
			answer := s.call(http.MethodGet, "/predict/batch/"+batch.ID, "", nil)
			if answer.status == http.StatusOK && bytes.HasPrefix(bytes.TrimSpace(answer.body), []byte("[")) {
				break
			}
			time.Sleep(2 * time.Millisecond)
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	s.t.Logf("100 rows from POST to result: median %v, best %v, worst %v", took[10].Round(time.Millisecond), took[0].Round(time.Millisecond), took[20].Round(time.Millisecond))
}
