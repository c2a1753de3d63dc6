package sweep_test

import (
	"fmt"
	"strings"
	"testing"

	"iris/internal/objstore"
	"iris/internal/sweep"
	"iris/internal/testenv"
)

// A sweep lists the objects in pages, and asks MLflow about each old training and nothing about a young one.
func TestTrainings_requests(t *testing.T) {
	w := newWorld(t)
	const runs = 5
	for i := range runs {
		for _, name := range []string{"model.json", "report.json"} {
			key := objstore.TrainingKey(fmt.Sprintf("%032x", i), name)
			_, err := w.store.Put(t.Context(), w.bucket, key, strings.NewReader("x"), 1, "")
			w.must(err)
		}
	}
	s3, store := testenv.S3Proxy(t)
	lab, client := testenv.MLflowProxy(t)
	w.store, w.mlflow = store, client
	for name, asked := range map[string]int{"young": 0, "old": runs} {
		o := w.options(true)
		if name == "young" {
			o.Settings = sweep.Settings{DryRun: true}
		}
		s3.Drain()
		lab.Drain()
		report, err := sweep.New(o, sweep.Report{}).Trainings(t.Context())
		w.must(err)
		lists, questions := s3.Drain(), lab.Drain()
		if len(lists) != 1 || len(questions) != asked || report.Checked != asked {
			t.Errorf("%s: %d requests to S3 %q and %d to MLflow, %+v; want 1 and %d",
				name, len(lists), lists, len(questions), report, asked)
		}
	}
}
