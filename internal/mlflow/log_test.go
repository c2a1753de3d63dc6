package mlflow_test

import (
	"fmt"
	"testing"
	"time"

	"iris/internal/mlflow"
)

// entities is the body of a log-batch request.
type entities struct {
	RunID   string           `json:"run_id"`
	Metrics []map[string]any `json:"metrics"`
	Params  []map[string]string
	Tags    []map[string]string
}

func bigBatch(metrics, params, tags int) mlflow.Batch {
	b := mlflow.Batch{Params: map[string]string{}, Tags: map[string]string{}}
	for i := range metrics {
		point := mlflow.Metric{Key: "loss", Value: float64(i), Time: time.UnixMilli(int64(i)), Step: int64(i)}
		b.Metrics = append(b.Metrics, point)
	}
	for i := range params {
		b.Params[fmt.Sprintf("p%04d", i)] = "v"
	}
	for i := range tags {
		b.Tags[fmt.Sprintf("t%04d", i)] = "v"
	}
	return b
}

func TestLogBatch_requests(t *testing.T) {
	for _, test := range []struct {
		name                            string
		metrics, params, tags, requests int
	}{
		{"nothing", 0, 0, 0, 0},
		{"one of each", 1, 1, 1, 1},
		{"as many metrics as fit", 1000, 0, 0, 1},
		{"one metric more", 1001, 0, 0, 2},
		{"as many of all as fit", 800, 100, 100, 1},
		{"one metric more beside params and tags", 801, 100, 100, 2},
		{"one param more", 0, 101, 0, 2},
		{"one tag more", 0, 0, 101, 2},
		{"many of all", 2500, 250, 150, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScript(t, nil)
			if err := s.client.LogBatch(t.Context(), "r", bigBatch(test.metrics, test.params, test.tags)); err != nil {
				t.Fatal(err)
			}
			requests := s.received("POST runs/log-batch")
			if len(requests) != test.requests {
				t.Errorf("%d requests, want %d", len(requests), test.requests)
			}
			seen := map[string]bool{}
			step := 0.0
			for _, r := range requests {
				var e entities
				decode(t, r.body, &e)
				if e.RunID != "r" {
					t.Errorf("run %q, want r", e.RunID)
				}
				m, p, g := len(e.Metrics), len(e.Params), len(e.Tags)
				if m > 1000 || p > 100 || g > 100 || m+p+g > 1000 || m+p+g == 0 {
					t.Errorf("a request has %d metrics, %d params and %d tags, which exceeds MLflow's limits", m, p, g)
				}
				for _, metric := range e.Metrics {
					if metric["step"] != step || metric["value"] != step || metric["timestamp"] != step {
						t.Fatalf("metric %v, want that of step %v", metric, step)
					}
					step++
				}
				for _, pair := range append(e.Params, e.Tags...) {
					seen[pair["key"]] = true
				}
			}
			if int(step) != test.metrics || len(seen) != test.params+test.tags {
				t.Errorf("sent %v metrics and %d params and tags, want all", step, len(seen))
			}
		})
	}
}

func TestLogBatch_realLimits(t *testing.T) {
	w := newWorld(t)
	run := w.run(t)
	if err := w.LogBatch(t.Context(), run.ID, bigBatch(2500, 250, 150)); err != nil {
		t.Fatal(err)
	}
	got := must(w.GetRun(t.Context(), run.ID))(t)
	if points := w.history(t, run.ID, "loss"); points != 2500 || len(got.Params) != 250 || len(got.Tags) < 150 {
		t.Errorf("MLflow has %d points, %d params and %d tags; want 2500, 250 and 150",
			points, len(got.Params), len(got.Tags))
	}
}

func TestLogBatch_metricOfAModel(t *testing.T) {
	s := newScript(t, nil)
	begin := time.Now().UnixMilli()
	err := s.client.LogBatch(t.Context(), "r", mlflow.Batch{Metrics: []mlflow.Metric{
		{Key: "a", Value: 1},
		{Key: "b", Value: 2, Time: time.UnixMilli(5), LoggedModelID: "m-1", DatasetName: "iris", DatasetDigest: "d"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var e entities
	decode(t, s.received("POST runs/log-batch")[0].body, &e)
	if now := e.Metrics[0]["timestamp"].(float64); now < float64(begin) || now > float64(time.Now().UnixMilli()) {
		t.Errorf("a metric without a time has the time %v, want now", now)
	}
	if _, found := e.Metrics[0]["model_id"]; found {
		t.Error("a metric without a model has a model_id")
	}
	const want = "map[dataset_digest:d dataset_name:iris key:b model_id:m-1 step:0 timestamp:5 value:2]"
	if got := fmt.Sprint(e.Metrics[1]); got != want {
		t.Errorf("metric %s, want %s", got, want)
	}
}

func TestLogBatch_stopsAtAnError(t *testing.T) {
	s := newScript(t, map[string][]reply{
		"POST runs/log-batch": {{200, "{}"}, {400, `{"error_code":"INVALID_PARAMETER_VALUE"}`}},
	})
	err := s.client.LogBatch(t.Context(), "r", bigBatch(3000, 0, 0))
	wantRefusal(t, err, 400, "log to run r")
	if got := s.count("POST runs/log-batch"); got != 2 {
		t.Errorf("%d requests, want 2", got)
	}
}
