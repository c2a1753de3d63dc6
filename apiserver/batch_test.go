package apiserver

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/starts"
	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/objstore"
	"iris/internal/rows"
	"iris/internal/scores"
	"iris/workflows"
)

const twoRows = `{"data":[` + setosa +
	`,{"sepal_length":6.3,"sepal_width":3.3,"petal_length":6.0,"petal_width":2.5,"note":{"skipped":[1]}}]}`

// startBatch posts a batch and returns its task id and location.
func (a *api) startBatch(t *testing.T, path, body string) (id, location string) {
	t.Helper()
	got := a.do(t, "POST", path, body, "Content-Type: application/json")
	var accepted Accepted
	got.json(t, http.StatusAccepted, &accepted)
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	return accepted.TaskID, got.header.Get("Location")
}

// wait waits for the end of a task.
func (a *api) wait(t *testing.T, id string) {
	t.Helper()
	if err := a.temporal.GetWorkflow(t.Context(), id, "").Get(t.Context(), nil); err != nil {
		t.Logf("%s ended with %v", id, err)
	}
}

func TestBatch_scoresRowsInTheirOrder(t *testing.T) {
	a := newAPI(t)
	for _, test := range []struct{ name, path, modelID, version string }{
		{"the champion", "/iris/predict/batch", "", "1"},
		{"the default model", "/predict/batch", "", "1"},
		{"a number", "/iris/predict/batch", "2", "2"},
		{"a version", "/iris/predict/batch", "models:/iris/2", "2"},
		{"an alias", "/iris/predict/batch", "models:/iris@champion", "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := twoRows
			if test.modelID != "" {
				body = strings.Replace(body, "{", `{"model_id":`+strconv.Quote(test.modelID)+`,`, 1)
			}
			id, location := a.startBatch(t, test.path, body)
			if location != "/iris/predict/batch/"+id || !strings.HasPrefix(id, "batch-iris-") {
				t.Errorf("Location %q of task %q", location, id)
			}
			a.wait(t, id)
			got := a.do(t, "GET", location, nil)
			var rows []BatchRow
			got.json(t, 200, &rows)
			if len(rows) != 2 || rows[0].Specie != "setosa" || rows[0].Label != "setosa" || rows[1].Label != "virginica" ||
				len(rows[1].Logits) != 1 ||
				len(rows[1].Logits[0]) != 3 {
				t.Errorf("got %s, want setosa and virginica with three probabilities each", got.body)
			}
			if v := got.header.Get("Model-Version"); v != "iris/"+test.version {
				t.Errorf("Model-Version %q, want iris/%s", v, test.version)
			}
			var task map[string]any
			a.do(t, "GET", "/tasks/"+id, nil).json(t, 200, &task)
			if task["state"] != "SUCCESS" || task["type"] != "BatchPrediction" || task["done"] != 2.0 {
				t.Errorf("task %v, want a batch that succeeded with 2 rows", task)
			}
		})
	}
}

func TestBatch_startsWhatTheWorkflowNeeds(t *testing.T) {
	a := newAPI(t)
	id, _ := a.startBatch(
		t,
		"/awkward/predict/batch",
		`{"data":[{"say \"hi\"":2.5,"a/b~c":1e-7},{"a/b~c":-0.0,"say \"hi\"":1e300}]}`,
	)
	object := must(a.store.Get(t.Context(), objstore.Ref{Bucket: a.Bucket, Key: objstore.BatchInputKey(id, "csv")}))
	defer object.Close()
	const want = "a/b~c,\"say \"\"hi\"\"\"\n1e-07,2.5\n-0,1e+300\n"
	if got := string(must(io.ReadAll(object))); got != want {
		t.Errorf("the rows are %q, want %q", got, want)
	}
	description := must(a.temporal.DescribeWorkflow(t.Context(), id, ""))
	if summary := must(description.GetStaticSummary()); summary != "score 2 rows with awkward/1" {
		t.Errorf("summary %q", summary)
	}
	events := a.temporal.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	started := must(events.Next()).GetWorkflowExecutionStartedEventAttributes()
	var in workflows.BatchInput
	if err := json.Unmarshal(started.GetInput().GetPayloads()[0].GetData(), &in); err != nil {
		t.Fatal(err)
	}
	if in.Model != "awkward" || in.ModelID != "models:/awkward/1" || in.Count != 2 ||
		in.Rows.Key != objstore.BatchInputKey(id, "csv") ||
		in.Rows.SHA256 == "" {
		t.Errorf("input %+v, want two rows of awkward, pinned to version 1", in)
	}
	if got := memoModel(started.GetMemo()); got != "awkward" {
		t.Errorf("the memo names model %q", got)
	}
	if got := started.GetWorkflowExecutionTimeout().AsDuration(); got != starts.ExecutionTimeout {
		t.Errorf("execution timeout %s", got)
	}
}

func TestBatch_badInput(t *testing.T) {
	a := newAPI(t, freshBucket(t), func(o *Options) { o.MaxBody = 2 << 20 })
	modelID := func(ref string) string {
		return strings.Replace(twoRows, "{", `{"model_id":`+strconv.Quote(ref)+`,`, 1)
	}
	row := func(value string) string { return strings.Replace(twoRows, "2.5", value, 1) }
	at := func(pointer string) *problem.Fault { return &problem.Fault{Pointer: pointer} }
	for _, test := range []struct {
		name, path, body, contentType string
		status                        int
		fault                         *problem.Fault
		want                          string
	}{
		{name: "text for a number", body: row(`"2.5"`), status: 422, fault: at("/data/1/petal_width")},
		{name: "null for a number", body: row(`null`), status: 422, fault: at("/data/1/petal_width")},
		{name: "not finite", body: row(`-1e999`), status: 422, fault: at("/data/1/petal_width")},
		{name: "a missing feature", body: row(`2.5},{"sepal_length":1`), status: 422, fault: at("/data/2/sepal_width")},
		{name: "a row that is an array", body: row(`2.5},[1]`) + "", status: 400},
		{name: "a number for a row", body: `{"data":[1]}`, status: 422, fault: at("/data/0")},
		{name: "no data", body: `{}`, status: 422, fault: at("/data")},
		{name: "no rows", body: `{"data":[]}`, status: 422, fault: at("/data")},
		{name: "data that is an object", body: `{"data":{}}`, status: 422, fault: at("/data")},
		{name: "an array for an object", body: `[]`, status: 422, fault: at("")},
		{
			name: "a model id that is a number", body: `{"model_id":3,"data":[` + setosa + `]}`, status: 422,
			fault: at("/model_id"),
		},
		{name: "an empty body", body: ``, status: 400},
		{name: "broken JSON", body: `{"data":[`, status: 400, want: "byte"},
		{name: "trailing bytes", body: twoRows + "{}", status: 400},
		{name: "another type", body: twoRows, contentType: "application/xml", status: 415, want: "application/xml"},
		{name: "too large", body: `{"data":"` + strings.Repeat("x", 2<<20) + `"}`, status: 413, want: "2097152"},
		{name: "an unknown version", body: modelID("99"), status: 404, fault: at("/model_id"), want: `"99"`},
		{name: "an unknown alias", body: modelID("models:/iris@nobody"), status: 404, fault: at("/model_id")},
		{
			name: "an unknown run", body: modelID("runs:/" + strings.Repeat("0", 32) + "/model"), status: 404,
			fault: at("/model_id"),
		},
		{
			name: "a version of another model", body: modelID("models:/wine/1"), status: 422, fault: at("/model_id"),
			want: "another model",
		},
		{
			name: "a malformed reference", body: modelID("latest please"), status: 422, fault: at("/model_id"),
			want: "models:/iris/3",
		},
		{name: "an unknown model", path: "/tulip/predict/batch", body: twoRows, status: 404, want: "tulip"},
		{
			name: "an unknown model and a version", path: "/tulip/predict/batch", body: modelID("models:/iris/1"),
			status: 404, want: "tulip",
		},
		{name: "no champion", path: "/unpromoted/predict/batch", body: twoRows, status: 503, want: "no champion"},
		{
			name: "features of another model", path: "/wine/predict/batch", body: twoRows, status: 422,
			fault: at("/data/0/alcohol"),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			contentType := "Content-Type: " + cmp.Or(test.contentType, "application/json")
			got := a.do(t, "POST", cmp.Or(test.path, "/iris/predict/batch"), test.body, contentType)
			got.refused(t, test.status, test.want, test.fault)
		})
	}
	a.leavesNothing(t, 0)
}

func TestBatch_ofAnotherModelByRun(t *testing.T) {
	a := newAPI(t)
	wine := must(a.world.registry.Resolve(t.Context(), wineModel, "1"))
	iris := must(a.world.registry.Resolve(t.Context(), dataset.IrisModel, "2"))
	body := func(ref string) string { return strings.Replace(twoRows, "{", `{"model_id":"`+ref+`",`, 1) }
	for _, ref := range []string{"runs:/" + wine.RunID + "/model", "models:/" + wine.LoggedModelID} {
		a.do(t, "POST", "/iris/predict/batch", body(ref)).problem(t, 422, "another model")
	}
	for _, ref := range []string{"runs:/" + iris.RunID + "/model", "models:/" + iris.LoggedModelID} {
		a.startBatch(t, "/iris/predict/batch", body(ref))
	}
}

func TestBatch_manyLargeBodiesAtOnce(t *testing.T) {
	a := newAPI(t)
	for range httpio.MaxBulk {
		a.bulk <- struct{}{}
	}
	large := `{"data":[` + setosa + `],"x":"` + strings.Repeat("x", httpio.MaxSmall) + `"}`
	got := a.do(t, "POST", "/iris/predict/batch", large)
	got.problem(t, http.StatusServiceUnavailable, "large bodies")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	a.startBatch(t, "/iris/predict/batch", twoRows) // small bodies need no place
	<-a.bulk
	a.startBatch(t, "/iris/predict/batch", large)
	if len(a.bulk) != httpio.MaxBulk-1 {
		t.Errorf("%d places are taken after the batch, want %d", len(a.bulk), httpio.MaxBulk-1)
	}
}

func TestBatchResult_whileItRunsAndWhenItFails(t *testing.T) {
	a := newAPI(t)
	status := func(t *testing.T, id string) (s BatchStatus) {
		t.Helper()
		a.do(t, "GET", "/iris/predict/batch/"+id, nil).json(t, 200, &s)
		return s
	}
	t.Run("not taken up", func(t *testing.T) {
		a.world.start(
			t,
			"batch-iris-waiting",
			"nobody",
			workflows.BatchType,
			workflows.BatchInput{Model: "iris"},
			memo("iris"),
		)
		if got := status(t, "batch-iris-waiting"); got.Status != workflows.Pending {
			t.Errorf("got %+v, want PENDING", got)
		}
	})
	t.Run("running", func(t *testing.T) {
		a.world.start(
			t,
			"batch-iris-running",
			workflows.TaskQueue,
			workflows.BatchType,
			workflows.BatchInput{Model: "iris", ModelID: blocks},
		)
		a.await(t, "batch-iris-running", enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
		progress := workflows.TaskProgress{Stage: "train the model", Done: 3, Total: 10, Unit: "iterations"}
		want := BatchStatus{Status: workflows.Pending, TaskProgress: progress}
		if got := status(t, "batch-iris-running"); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		a.do(t, "DELETE", "/tasks/batch-iris-running", nil)
		a.wait(t, "batch-iris-running")
	})
	t.Run("failed", func(t *testing.T) {
		a.world.start(
			t,
			"batch-iris-failed",
			workflows.TaskQueue,
			workflows.BatchType,
			workflows.BatchInput{Model: "iris", ModelID: fails},
			memo("iris"),
		)
		a.wait(t, "batch-iris-failed")
		if got := status(t, "batch-iris-failed"); got.Status != workflows.Failure || !strings.Contains(got.Error, "line 7") {
			t.Errorf("got %+v, want FAILURE and why", got)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		a.world.start(
			t,
			"batch-iris-cancelled",
			workflows.TaskQueue,
			workflows.BatchType,
			workflows.BatchInput{Model: "iris", ModelID: blocks},
			memo("iris"),
		)
		a.await(t, "batch-iris-cancelled", enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
		if got := a.do(t, "DELETE", "/tasks/batch-iris-cancelled", nil); got.status != http.StatusAccepted {
			t.Fatalf("cancel: %s", got)
		}
		a.wait(t, "batch-iris-cancelled")
		if got := status(t, "batch-iris-cancelled"); got.Status != workflows.Revoked || got.Error != "cancelled" {
			t.Errorf("got %+v, want REVOKED", got)
		}
	})
}

func TestBatchResult_notFound(t *testing.T) {
	a := newAPI(t)
	id, _ := a.startBatch(t, "/iris/predict/batch", twoRows)
	a.wait(t, id)
	a.world.start(
		t,
		"training-iris-here",
		"nobody",
		workflows.TrainingType,
		workflows.TrainingInput{Model: "iris"},
		memo("iris"),
	)
	for name, path := range map[string]string{
		"unknown":             "/iris/predict/batch/batch-iris-none",
		"of another model":    "/wine/predict/batch/" + id,
		"a training":          "/iris/predict/batch/training-iris-here",
		"an impossible id":    "/iris/predict/batch/" + strings.Repeat("x", 1200),
		"one that was erased": "/iris/predict/batch/erased",
	} {
		t.Run(name, func(t *testing.T) {
			if name == "one that was erased" {
				status := workflows.Status{TaskID: "erased", Type: workflows.BatchType, Model: "iris", State: workflows.Success}
				must(a.store.PutJSON(t.Context(), a.Bucket, objstore.TaskKey("erased"), status))
			}
			a.do(t, "GET", path, nil).problem(t, 404)
		})
	}
}

// The results come from the store after Temporal has forgotten the batch, whatever its id.
func TestBatchResult_fromTheStoreAlone(t *testing.T) {
	a := newAPI(t)
	id := "a name/with \"all\" of 100%"
	parts := []string{"\"<a & \"\"b\"\">\",0.75,0.25\n", "\"ü,é\",1e-09,1\n"}
	m := workflows.Manifest{TaskID: id, Model: awkwardModel, Version: "1", Rows: 2}
	m.Layout = scores.Layout{Format: scores.CSV, Classes: []string{`<a & "b">`, "ü,é"}, Probabilities: true}
	a.putParts(t, m, parts...)
	got := a.do(t, "GET", "/awkward/predict/batch/"+url.PathEscape(id), nil)
	var rows []BatchRow
	got.json(t, 200, &rows)
	if len(rows) != 2 || rows[0].Label != `<a & "b">` || rows[0].Specie != "" || rows[1].Label != "ü,é" ||
		rows[1].Logits[0][0] != 1e-9 {
		t.Errorf("got %s", got.body)
	}
}

// putParts stores CSVs as the parts of a batch, and its manifest.
func (a *api) putParts(t *testing.T, m workflows.Manifest, parts ...string) {
	t.Helper()
	for i, part := range parts {
		key := objstore.BatchPartKey(m.TaskID, i, "csv")
		ref := must(a.store.Put(t.Context(), a.Bucket, key, strings.NewReader(part), int64(len(part)), "text/csv"))
		m.Parts = append(m.Parts, workflows.Part{Shard: i, Rows: int64(strings.Count(part, "\n")), Ref: ref})
	}
	a.putManifest(t, m)
}

// An answer that cannot be finished is cut off, so that no client takes it for the whole.
func TestBatchResult_brokenResultsAreCutOff(t *testing.T) {
	a := newAPI(t)
	put := func(t *testing.T, id string, rows int64, parts ...string) {
		t.Helper()
		m := workflows.Manifest{TaskID: id, Model: "iris", Version: "1", Rows: rows}
		m.Layout = scores.Layout{Format: scores.CSV, Classes: []string{"a", "b"}, Probabilities: true}
		a.putParts(t, m, parts...)
	}
	good := strings.Repeat("a,0.5,0.5\n", 9_000) // more than the buffer holds, so the answer has begun
	for name, broken := range map[string]string{
		"text for a number":     "a,x,0.5\n",
		"not finite":            "a,NaN,0.5\n",
		"an unknown class":      "c,0.5,0.5\n",
		"too few fields":        "a,0.5\n",
		"fewer rows than there": "",
	} {
		t.Run(name, func(t *testing.T) {
			id := "batch-broken-" + strings.ReplaceAll(name, " ", "-")
			put(t, id, 9_001, good, broken)
			for _, path := range []string{"", "/rows?page_size=10000"} {
				if path != "" && broken == "" {
					continue // a page does not count the rows of the batch
				}
				response := must(http.Get(a.url + "/iris/predict/batch/" + id + path))
				body, err := io.ReadAll(response.Body)
				if err == nil {
					t.Errorf("%d bytes arrived as if they were all", len(body))
				}
				if json.Valid(body) {
					t.Error("what arrived is valid JSON")
				}
				if !strings.Contains(a.log.String(), id) {
					t.Error("nothing was logged")
				}
				if err := response.Body.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	t.Run("before it has begun", func(t *testing.T) {
		put(t, "batch-broken-early", 2, "a,0.5,0.5\n", "a,x,0.5\n")
		for _, path := range []string{"", "/rows"} {
			a.do(t, "GET", "/iris/predict/batch/batch-broken-early"+path, nil).problem(t, 500, "internal error")
		}
	})
	t.Run("a part is gone", func(t *testing.T) {
		put(t, "batch-broken-part", 1, "a,0.5,0.5\n")
		if err := a.store.Delete(t.Context(), a.Bucket, objstore.BatchPartKey("batch-broken-part", 0, "csv")); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"", "/rows"} {
			a.do(t, "GET", "/iris/predict/batch/batch-broken-part"+path, nil).problem(t, 500, "internal error")
		}
	})
}

// lostConnection is a client that has hung up.
type lostConnection struct{ *httptest.ResponseRecorder }

func (lostConnection) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestBatchResult_clientHangsUp(t *testing.T) {
	a := newAPI(t)
	id, location := a.startBatch(t, "/iris/predict/batch", twoRows)
	a.wait(t, id)
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("the handler ended with %v, want it to abort", err)
		}
		if a.log.String() != "" {
			t.Errorf("logged, although a client that hangs up is not an error: %s", a.log)
		}
	}()
	a.Handler().ServeHTTP(lostConnection{httptest.NewRecorder()}, httptest.NewRequest("GET", location, nil))
}

func TestRowsCSV_isNeverLongerThanTheJSON(t *testing.T) {
	columns := rows.Columns{Features: []string{"a"}}
	for _, value := range []string{"1", "-0", "1e20", "123456789012345678", "1e-7", "0.1", "1e308", "5e-324"} {
		data := []byte(`[{"a":` + value + `}]`)
		lines, n, err := rowsCSV(columns, dataset.Schema{}, data)
		if err != nil || n != 1 {
			t.Fatalf("%s: %d rows, %v", value, n, err)
		}
		if got := len(lines) - len("a\n"); got > len(data) {
			t.Errorf("%s became %q", value, lines)
		}
		want, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatal(err)
		}
		got, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimPrefix(string(lines), "a\n")), 64)
		if err != nil || math.Abs(got) != math.Abs(want) {
			t.Errorf("%s was written as %q", value, lines)
		}
	}
}

func TestBatch_largeEnoughForManyParts(t *testing.T) {
	a := newAPI(t)
	table, _, err := dataset.Read(bytes.NewReader(datasettest.Wine()), dataset.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]map[string]float64, table.Rows())
	for i := range rows {
		rows[i] = map[string]float64{}
		for j, name := range table.Schema.Features {
			rows[i][name] = table.Row(i)[j]
		}
	}
	id, location := a.startBatch(t, "/wine/predict/batch", string(must(json.Marshal(map[string]any{"data": rows}))))
	if err := a.temporal.GetWorkflow(context.Background(), id, "").Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	var got []BatchRow
	a.do(t, "GET", location, nil).json(t, 200, &got)
	if len(got) != len(rows) {
		t.Fatalf("%d results of %d rows", len(got), len(rows))
	}
	right := 0
	for i, row := range got {
		if row.Label == table.Schema.Classes[table.Y[i]] {
			right++
		}
	}
	if right < len(rows)*9/10 {
		t.Errorf("%d of %d labels are right: the results are not in the order of the rows", right, len(rows))
	}
}
