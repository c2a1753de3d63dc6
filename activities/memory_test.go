package activities_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"iris/activities"
	"iris/internal/child"
	"iris/internal/testenv"
	"iris/model"
)

// workerMemory is that of a small container.
const workerMemory = 512 << 20

// inChildren returns options whose fits run in child processes.
func inChildren(t *testing.T, memory int64) activities.Options {
	t.Helper()
	self, err := child.Self("fit")
	if err != nil {
		t.Fatal(err)
	}
	fits := &activities.FitProcesses{Command: self, S3: testenv.S3Options(t)}
	return activities.Options{Memory: memory, Fits: fits}
}

// oneDigit returns a CSV of one-digit cells.
func oneDigit(rows, features int) []byte {
	var b strings.Builder
	for f := range features {
		fmt.Fprintf(&b, "f%d,", f)
	}
	b.WriteString("label\n")
	r := rand.New(rand.NewPCG(1, 2))
	for i := range rows {
		for range features {
			b.WriteByte(byte('0' + r.IntN(10)))
			b.WriteByte(',')
		}
		b.WriteString([]string{"a\n", "b\n"}[i%2])
	}
	return []byte(b.String())
}

// another returns a lab for another training by the same worker.
func (l *lab) another(t *testing.T, modelName string) *lab {
	t.Helper()
	other := newLabWith(t, modelName, activities.Options{})
	other.Activities, other.bucket = l.Activities, l.bucket
	other.env.RegisterActivityWithOptions(l.Activities, activity.RegisterOptions{DisableAlreadyRegisteredCheck: true})
	return other
}

// started validates a dataset and starts the run of a training.
func (l *lab) started(name string, csv []byte, spec model.Spec) activities.TrainModelInput {
	l.t.Helper()
	data := must(l, l.ValidateDataset, activities.ValidateDatasetInput{Model: l.model, URI: l.put(name, csv).URI()})
	run := must(l, l.StartRun, activities.StartRunInput{Model: l.model, Dataset: data, Spec: spec, TestSize: 0.25})
	return activities.TrainModelInput{Dataset: data, Spec: spec, TestSize: 0.25, Run: run}
}

// TestMemory_refusesWhatCanNeverFit: a table of 80 MB whose knn has 600 MB.
func TestMemory_refusesWhatCanNeverFit(t *testing.T) {
	l := newLabWith(t, "too-large", inChildren(t, workerMemory))
	in := activities.ValidateDatasetInput{
		Model: l.model, URI: l.put("given/large.csv", oneDigit(50_000, 200)).URI(),
		Spec: &model.Spec{Algorithm: model.KNN}, TestSize: 0.25,
	}
	_, err := do(l, l.ValidateDataset, in)
	refused(t, err, activities.ErrNoMemory, "knn", "50000 rows", "200 columns", "needs about", "512 MiB", "IRIS_MEMORY")
	if keys := l.keys("uploads/"); len(keys) != 0 {
		t.Errorf("%v are left of the refused dataset", keys)
	}
	in.Spec = nil // a search finds a learner that needs less
	data := must(l, l.ValidateDataset, in)
	_, err = do(l, l.TrainModel, activities.TrainModelInput{
		Dataset: data, Spec: model.Spec{Algorithm: model.KNN}, TestSize: 0.25,
	})
	refused(t, err, activities.ErrNoMemory, "knn", "50000 rows", "200 columns")
}

func TestMemory_fitsWaitForTheirShare(t *testing.T) {
	alone := newLab(t, "does-not-wait")
	want := must(alone, alone.TrainModel, alone.started("given/small.csv", oneDigit(200, 4), model.Spec{Seed: 1}))

	l := newLabWith(t, "waits", inChildren(t, workerMemory))
	in := l.started("given/small.csv", oneDigit(200, 4), model.Spec{Seed: 1})
	giveBack := activities.TakeMemory(t, l.Activities, workerMemory)
	waited := false
	l.env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		var p activities.Progress
		if err := details.Get(&p); err == nil && p.WaitsFor == "memory" && !waited {
			waited = true
			giveBack()
		}
	})
	got, err := do(l, l.TrainModel, in)
	if err != nil || got.Artifact.SHA256 != want.Artifact.SHA256 {
		t.Errorf("%+v, %v, want the model of a fit that did not wait", got, err)
	}
	if !waited {
		t.Error("no heartbeat says that the fit waits for memory")
	}
}

// TestMemory_aFitThatOutgrowsItsShareEndsAlone says that a dataset has few rows, so the estimate is far too low. The
// first try is killed beside a neighbour that ends well; the second one has all of the memory.
func TestMemory_aFitThatOutgrowsItsShareEndsAlone(t *testing.T) {
	l := newLabWith(t, "outgrows", inChildren(t, workerMemory))
	neighbour := l.another(t, "neighbour")
	alone := newLab(t, "alone")
	spec := model.Spec{Algorithm: model.MLP, Hyperparameters: []byte(`{"epochs":60,"patience":1000}`), Seed: 1}
	small := must(alone, alone.TrainModel, alone.started("given/small.csv", oneDigit(2000, 10), spec))
	alone = newLab(t, "alone-too")
	knn := model.Spec{Algorithm: model.KNN}
	whole := must(alone, alone.TrainModel, alone.started("given/large.csv", oneDigit(30_000, 50), knn))

	beside := neighbour.started("given/small.csv", oneDigit(2000, 10), spec)
	large := l.started("given/large.csv", oneDigit(30_000, 50), knn)
	large.Dataset.Rows = 10
	var group sync.WaitGroup
	group.Go(func() {
		got, err := do(neighbour, l.TrainModel, beside)
		if err != nil || got.Artifact.SHA256 != small.Artifact.SHA256 {
			t.Errorf("the neighbour: %+v, %v, want the same model as alone", got, err)
		}
	})
	got, err := do(l, l.TrainModel, large)
	if err != nil || got.Artifact.SHA256 != whole.Artifact.SHA256 {
		t.Errorf("%+v, %v, want the same model as with a right estimate", got, err)
	}
	group.Wait()
}

func TestMemory_aFitThatNeedsMoreThanAllEnds(t *testing.T) {
	l := newLabWith(t, "exceeds", inChildren(t, 64<<20))
	in := l.started("given/large.csv", oneDigit(60_000, 50), model.Spec{Algorithm: model.KNN})
	in.Dataset.Rows = 10
	_, err := do(l, l.TrainModel, in)
	refused(t, err, activities.ErrNoMemory, "more than 64 MiB of memory", "knn")
}

// TestFits_inAChildAreTheSame compares models, results and refusals of a fit in this process and in a child.
func TestFits_inAChildAreTheSame(t *testing.T) {
	for _, algorithm := range []model.Algorithm{model.LogisticRegression, model.RandomForest} {
		spec := model.Spec{Algorithm: algorithm, Seed: 7}
		name := strings.ReplaceAll(string(algorithm), "_", "-")
		here := newLab(t, "here-"+name)
		want := must(here, here.TrainModel, here.started("given/a.csv", oneDigit(500, 3), spec))
		there := newLabWith(t, "there-"+name, inChildren(t, workerMemory))
		in := there.started("given/a.csv", oneDigit(500, 3), spec)
		got := must(there, there.TrainModel, in)
		if got.Artifact.SHA256 != want.Artifact.SHA256 || got.TrainRows != want.TrainRows {
			t.Errorf("%s: a child fits %+v, this process %+v", algorithm, got, want)
		}
		in.Spec.Hyperparameters = []byte(`{"nonsense":1}`)
		_, err := do(there, there.TrainModel, in)
		refused(t, err, activities.ErrBadInput, "/hyperparameters/nonsense")
	}
}
