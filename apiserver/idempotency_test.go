package apiserver

import (
	"strings"
	"sync"
	"testing"

	"iris/apiserver/problem"
	"iris/internal/objstore"
	"iris/internal/testenv"
	"iris/workflows"
)

// A request with a key is one task however often it is sent, and its rows are stored once.
func TestIdempotencyKey(t *testing.T) {
	a := newAPI(t)
	asForm, formType := formWith(formPart{"request", "", "", `{"output":"jsonl"}`}, formPart{"file", "x.csv", "", irisCSV})
	stored := must(a.store.Put(t.Context(), a.Bucket, "lake/rows.csv", strings.NewReader(irisCSV), -1, ""))
	for name, send := range map[string][2]string{
		"JSON":      {twoRows, "Content-Type: application/json"},
		"a file":    {irisCSV, "Content-Type: text/csv"},
		"a form":    {asForm, formType},
		"an object": {`{"data_path":"` + stored.URI() + `"}`, "Content-Type: application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			fresh := newAPI(t, freshBucket(t), func(o *Options) { o.DataBuckets = []string{a.Bucket} })
			key := testenv.Name()
			post := func(key, path string) answer {
				return fresh.do(t, "POST", path, send[0], send[1], "Idempotency-Key: "+key)
			}
			var first, again, other Accepted
			post(`"`+key+`"`, "/iris/predict/batch").json(t, 202, &first)
			fresh.await(t, first.TaskID, 1)
			second := post(key, "/iris/predict/batch")
			second.json(t, 202, &again)
			if again != first || second.header.Get("Location") != batchLocation("iris", first.TaskID) {
				t.Errorf("sent twice it is %v and %v", first, again)
			}
			fresh.do(t, "DELETE", "/tasks/"+first.TaskID, nil)
			fresh.wait(t, first.TaskID)
			post(key, "/iris/predict/batch").json(t, 202, &again) // the task has ended
			if again != first {
				t.Errorf("sent after its end it is %v", again)
			}
			post(
				key,
				"/iris/predict/batch?labels_only=true",
			).problem(t, 422, "another request").
				faultAt(t, problem.Fault{Parameter: "Idempotency-Key"})
			post(key+"x", "/iris/predict/batch").json(t, 202, &other)
			if other == first {
				t.Error("another key is the same task")
			}
			inputs := 0
			for _, stored := range fresh.keys(t, fresh.Bucket, "batches/") {
				if strings.Contains(stored, "/input.") {
					inputs++
				}
			}
			if want := map[bool]int{true: 0, false: 2}[name == "an object"]; inputs != want {
				t.Errorf("%d inputs are in the store, want %d", inputs, want)
			}
		})
	}
	t.Run("other rows", func(t *testing.T) {
		key := "Idempotency-Key: " + testenv.Name()
		var first Accepted
		a.do(t, "POST", "/iris/predict/batch", twoRows, key).json(t, 202, &first)
		a.do(t, "POST", "/iris/predict/batch", strings.Replace(twoRows, "2.5", "2.4", 1), key).
			problem(t, 422, "another request")
	})
	t.Run("many at once", func(t *testing.T) {
		key := "Idempotency-Key: " + testenv.Name()
		var all sync.WaitGroup
		ids := make([]string, 8)
		for i := range ids {
			all.Go(func() {
				got := a.do(t, "POST", "/iris/predict/batch", twoRows, key)
				for got.status == 409 && t.Context().Err() == nil { // until the first is answered
					got = a.do(t, "POST", "/iris/predict/batch", twoRows, key)
				}
				var accepted Accepted
				got.json(t, 202, &accepted)
				ids[i] = accepted.TaskID
			})
		}
		all.Wait()
		for _, id := range ids {
			if id != ids[0] {
				t.Errorf("tasks %v, want one", ids)
			}
		}
	})
	for _, key := range []string{`""`, strings.Repeat("x", 256), "ü"} {
		a.do(t, "POST", "/iris/predict/batch", twoRows, "Idempotency-Key: "+key).
			problem(t, 422, "255").
			faultAt(t, problem.Fault{Parameter: "Idempotency-Key"})
	}
	t.Run("trainings", func(t *testing.T) {
		a := newAPI(t, freshBucket(t))
		dataset := must(a.store.Put(t.Context(), a.Bucket, objstore.DatasetKey(strings.Repeat("ab", 32)),
			strings.NewReader(trainedCSV), -1, ""))
		form, formType := formWith(formPart{"request", "", "", `{"seed":7}`}, formPart{"file", "x.csv", "", trainedCSV})
		for name, send := range map[string][2]string{
			"the bundled data": {"{}", "Content-Type: application/json"},
			"JSON":             {`{"dataset":"abababababab","seed":7}`, "Content-Type: application/json"},
			"an object":        {`{"dataset":"` + dataset.URI() + `"}`, "Content-Type: application/json"},
			"a CSV":            {trainedCSV, "Content-Type: text/csv"},
			"a form":           {form, formType},
		} {
			t.Run(name, func(t *testing.T) {
				key := "Idempotency-Key: " + testenv.Name()
				first := a.accepted(t, a.do(t, "POST", "/iris/training", send[0], send[1], key))
				if again := a.accepted(t, a.do(t, "POST", "/iris/training", send[0], send[1], key)); again != first {
					t.Errorf("sent twice it is %s and %s", first, again)
				}
				a.do(t, "POST", "/iris/training?cv_folds=3", send[0], send[1], key).
					problem(t, 422, "another request").
					faultAt(t, problem.Fault{Parameter: "Idempotency-Key"})
				if other := a.accepted(t, a.do(t, "POST", "/iris/training", send[0], send[1], key+"x")); other == first {
					t.Error("another key is the same task")
				}
				a.do(t, "POST", "/iris/training", send[0], send[1], "Idempotency-Key: ü").problem(t, 422, "255")
			})
		}
		t.Run("another CSV", func(t *testing.T) {
			key := "Idempotency-Key: " + testenv.Name()
			a.accepted(t, a.do(t, "POST", "/iris/training", trainedCSV, csvType, key))
			a.do(t, "POST", "/iris/training", strings.Replace(trainedCSV, "5.1", "5.2", 1), csvType, key).
				problem(t, 422, "another request")
		})
	})
	// A task that another program started under the id has no fingerprint.
	id := workflows.KeyedBatchID("iris", "taken")
	a.world.start(t, id, "nobody", workflows.BatchType, workflows.BatchInput{Model: "iris"}, memo("iris"))
	a.do(t, "POST", "/iris/predict/batch", twoRows, "Idempotency-Key: taken").problem(t, 422, "another request")
}

// A key may start a task again if the task failed, and not because of the request.
func TestIdempotencyKey_failedTask(t *testing.T) {
	a := newAPI(t)
	for _, test := range []struct {
		name, path, body, contentType string
		again                         bool
	}{
		{"the data is bad", "/iris/training", `{"label_column":"` + fails + `"}`, "application/json", false},
		{"a disk is full", "/iris/training", `{"label_column":"` + breaks + `"}`, "application/json", true},
		{"a batch", "/iris/predict/batch", irisCSV, "text/csv", true}, // the fake cannot read its keys
	} {
		t.Run(test.name, func(t *testing.T) {
			run := func() (id, runID string) {
				t.Helper()
				var accepted Accepted
				a.do(t, "POST", test.path, test.body, "Content-Type: "+test.contentType, "Idempotency-Key: "+t.Name()).
					json(t, 202, &accepted)
				a.wait(t, accepted.TaskID)
				if task := a.getTask(t, accepted.TaskID); task.State != workflows.Failure {
					t.Fatalf("got %+v, want FAILURE", task)
				}
				described := must(a.temporal.DescribeWorkflowExecution(t.Context(), accepted.TaskID, ""))
				return accepted.TaskID, described.GetWorkflowExecutionInfo().GetExecution().GetRunId()
			}
			id, first := run()
			again, second := run()
			if again != id || (second != first) != test.again {
				t.Errorf("runs %s of %s and %s of %s, want another run: %t", first, id, second, again, test.again)
			}
		})
	}
}
