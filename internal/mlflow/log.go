package mlflow

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"time"
)

// Limits of one log-batch request. maxEntities bounds metrics, params and tags together.
const (
	maxEntities = 1000
	maxParams   = 100
	maxTags     = 100
)

// Metric is one point of a curve.
type Metric struct {
	Key   string // letters, digits and _ - . space : /
	Value float64
	Time  time.Time // now when zero
	Step  int64
	// Optional: MLflow also shows the metric on the page of the logged model, with a dataset of the run.
	LoggedModelID, DatasetName, DatasetDigest string
}

// Batch is the input of LogBatch. MLflow truncates tags to 8,000 and params to 6,000 characters.
type Batch struct {
	Metrics      []Metric
	Params, Tags map[string]string
}

type wireMetric struct {
	Key           string `json:"key"`
	Value         number `json:"value"`
	Time          millis `json:"timestamp"`
	Step          int64  `json:"step"`
	ModelID       string `json:"model_id,omitempty"`
	DatasetName   string `json:"dataset_name,omitempty"`
	DatasetDigest string `json:"dataset_digest,omitempty"`
}

func (m Metric) wire() wireMetric {
	return wireMetric{
		m.Key, number(m.Value), toMillis(m.Time), m.Step, m.LoggedModelID, m.DatasetName, m.DatasetDigest,
	}
}

func (w wireMetric) value() Metric {
	return Metric{
		Key: w.Key, Value: float64(w.Value), Time: w.Time.time(), Step: w.Step,
		LoggedModelID: w.ModelID, DatasetName: w.DatasetName, DatasetDigest: w.DatasetDigest,
	}
}

// MarshalJSON writes the point as MLflow does, also one that is not a number or infinite.
func (m Metric) MarshalJSON() ([]byte, error) { return json.Marshal(m.wire()) }

// UnmarshalJSON reads what MarshalJSON writes. The time has milliseconds.
func (m *Metric) UnmarshalJSON(data []byte) error {
	var w wireMetric
	err := json.Unmarshal(data, &w)
	*m = w.value()
	return err
}

// LogBatch adds metrics, params and tags to a run, in as many requests as MLflow's limits demand. Logging the same
// batch twice has the same result as once, if its metrics have times: MLflow keeps a point with another time as a
// second one of its step. A param cannot change its value. A failure may leave part of the batch in MLflow.
func (c *Client) LogBatch(ctx context.Context, runID string, b Batch) error {
	now := time.Now()
	metrics := make([]wireMetric, 0, len(b.Metrics))
	for _, m := range b.Metrics {
		if m.Time.IsZero() {
			m.Time = now
		}
		metrics = append(metrics, m.wire())
	}
	params, tags := pairs(b.Params), pairs(b.Tags)
	for len(metrics)+len(params)+len(tags) > 0 {
		body := struct {
			RunID   string       `json:"run_id"`
			Metrics []wireMetric `json:"metrics,omitempty"`
			Params  []pair       `json:"params,omitempty"`
			Tags    []pair       `json:"tags,omitempty"`
		}{RunID: runID}
		body.Tags, tags = cut(tags, maxTags)
		body.Params, params = cut(params, maxParams)
		body.Metrics, metrics = cut(metrics, maxEntities-len(body.Tags)-len(body.Params))
		if err := c.set(ctx, "log to run "+runID, http.MethodPost, "mlflow/runs/log-batch", body); err != nil {
			return err
		}
	}
	return nil
}

// MetricHistory returns the points of a curve of a run. A curve without points, also one that nobody has logged, is
// empty.
func (c *Client) MetricHistory(ctx context.Context, runID, key string) ([]Metric, error) {
	var points []Metric
	err := pages(func(token string) (string, error) {
		var answer struct {
			Metrics []wireMetric `json:"metrics"`
			Next    string       `json:"next_page_token"`
		}
		query := url.Values{"run_id": {runID}, "metric_key": {key}, "max_results": {"10000"}}
		if token != "" {
			query.Set("page_token", token)
		}
		doing := fmt.Sprintf("read the metric %s of run %s", key, runID)
		err := c.read(ctx, doing, "mlflow/metrics/get-history", query, &answer)
		for _, m := range answer.Metrics {
			points = append(points, m.value())
		}
		return answer.Next, err
	})
	if err != nil {
		return nil, err
	}
	return points, nil
}

// cut splits a list after n elements.
func cut[T any](list []T, n int) (head, tail []T) {
	n = min(n, len(list))
	return list[:n], list[n:]
}

// Column is a column of a dataset, or of the input or output of a model. Its type is one of MLflow's: double, string,
// long, boolean and others.
type Column struct {
	Name, Type string
	Optional   bool // rows may lack it
}

// Dataset is an input of a run.
type Dataset struct {
	Name      string
	Digest    string // at most 36 characters
	SourceURI string // s3://bucket/key
	Columns   []Column
	Rows      int
	Context   string // how the run uses it, such as training
	// Profile adds to the numbers of rows and elements. It should be small, because each search for runs returns the
	// profiles of all runs that it finds. MLflow accepts 16 MB.
	Profile map[string]any
}

// profile returns Profile with the numbers of rows and elements, as JSON.
func (d Dataset) profile() string {
	p := map[string]any{}
	maps.Copy(p, d.Profile)
	p["num_rows"], p["num_elements"] = d.Rows, d.Rows*len(d.Columns)
	return encode(p)
}

// LogDataset makes a dataset an input of a run. Calling it twice has the same result as once.
func (c *Client) LogDataset(ctx context.Context, runID string, d Dataset) error {
	return c.set(ctx, "log dataset of run "+runID, http.MethodPost, "mlflow/runs/log-inputs", map[string]any{
		"run_id": runID,
		"datasets": []any{map[string]any{
			"tags": []pair{{"mlflow.data.context", d.Context}},
			"dataset": map[string]string{
				"name":        d.Name,
				"digest":      d.Digest,
				"source_type": "s3",
				// MLflow expects JSON in strings.
				"source":  encode(map[string]string{"uri": d.SourceURI}),
				"schema":  encode(map[string]any{"mlflow_colspec": columnSpecs(d.Columns)}),
				"profile": d.profile(),
			},
		}},
	})
}

func encode(v any) string {
	data, _ := json.Marshal(v) // never fails for strings, integers and finite numbers
	return string(data)
}
