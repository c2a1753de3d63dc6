package activities_test

import (
	"testing"
	"time"

	"iris/activities"
	"iris/internal/sweep"
	"iris/internal/testenv"
	"iris/model"
)

// A training that the API did not start leaves a trace before it opens a run: by it the sweep knows what is Iris' own.
func TestStartRun_leavesATrace(t *testing.T) {
	l := newLab(t, testenv.Name())
	data := must(l, l.ValidateDataset, activities.ValidateDatasetInput{
		Model: l.model, URI: l.put("given/rows.csv", []byte("x,y,kind\n1,2,a\n2,1,a\n8,9,b\n9,8,b\n7,9,b\n1,1,a\n")).URI(),
	})
	spec, err := model.Spec{Algorithm: model.GaussianNB}.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	run := must(l, l.StartRun, activities.StartRunInput{Model: l.model, Dataset: data, Spec: spec, TestSize: 0.25})
	opened, err := l.mlflow.GetRun(t.Context(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	trace, err := sweep.ReadTrace(t.Context(), l.store, l.bucket, opened.Tags[sweep.TagWorkflow])
	if err != nil || trace.Model != l.model || trace.Namespace == "" || trace.AcceptedAt.IsZero() ||
		trace.AcceptedAt.Sub(opened.Start) > time.Second {
		t.Errorf("trace %+v (%v) of the run that began at %s, want an earlier one of %s", trace, err, opened.Start, l.model)
	}
}
