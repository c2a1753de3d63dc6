package activities_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"iris/activities"
	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/model"
)

// irisAs is the bundled data with the label column under another name, for models that are not iris.
func irisAs(label string) []byte {
	return bytes.Replace(dataset.IrisCSV(), []byte("species"), []byte(label), 1)
}

// irisRows writes n rows of features in the order given, with a column that no model knows.
func irisRows(n int) []byte {
	var b bytes.Buffer
	b.WriteString("petal_width,note,petal_length,sepal_width,sepal_length\n")
	for i := range n {
		if i%2 == 0 {
			fmt.Fprintf(&b, "0.2,%d,1.4,3.5,5.1\n", i) // a setosa
		} else {
			fmt.Fprintf(&b, "2.3,%d,6.1,3.0,7.7\n", i) // a virginica
		}
	}
	return b.Bytes()
}

// pinnedLab has a champion.
func pinnedLab(t *testing.T, name string) (*lab, activities.PinnedModel) {
	t.Helper()
	l := newLab(t, name)
	_, _, v := l.version(l.put("given/iris.csv", irisAs("x")).URI(), model.LogisticRegression)
	must(l, l.PromoteVersion, activities.PromoteVersionInput{Model: name, Version: v.Number, Actor: "test", At: time.Now()})
	return l, must(l, l.PinModel, activities.PinModelInput{Model: name})
}

func TestBatch_scoresEveryRowInOrder(t *testing.T) {
	l, pinned := pinnedLab(t, "batch-order")
	if pinned.URI != "models:/batch-order/1" {
		t.Errorf("pinned %+v, want the champion by its number", pinned)
	}
	const rows = 120_000 // 2.5 MB: three shards
	ref := l.put("batches/b/input.csv", irisRows(rows))
	plan := must(l, l.PlanShards, activities.PlanShardsInput{Rows: ref, Model: pinned})
	if plan.Rows != rows || len(plan.Shards) != 3 {
		t.Fatalf("plan of %d rows in %d shards, want %d in 3", plan.Rows, len(plan.Shards), rows)
	}
	var parts []activities.Part
	var labels []string
	for i, shard := range plan.Shards {
		part := must(l, l.ScoreShard, activities.ScoreShardInput{TaskID: "b", Index: i, Shard: shard, Rows: ref, Model: pinned, Columns: plan.Columns})
		lines := strings.Split(strings.TrimSuffix(l.readAll(part.Ref), "\n"), "\n")
		if int64(len(lines)) != shard.Rows || part.Rows != shard.Rows {
			t.Errorf("part %d has %d lines, want %d", i, len(lines), shard.Rows)
		}
		for _, line := range lines {
			labels = append(labels, line[:strings.IndexByte(line, ',')])
		}
		parts = append(parts, part)
	}
	for i, label := range labels {
		if want := []string{"setosa", "virginica"}[i%2]; label != want {
			t.Fatalf("row %d is %s, want %s", i, label, want)
		}
	}
	manifest := must(l, l.WriteManifest, activities.WriteManifestInput{TaskID: "b", Model: pinned, Rows: ref, Count: rows, Parts: parts})
	var got activities.Manifest
	if err := l.store.GetJSON(t.Context(), manifest.Bucket, manifest.Key, &got); err != nil {
		t.Fatal(err)
	}
	if got.Rows != rows || len(got.Parts) != 3 || len(got.Classes) != 3 || got.ModelID != pinned.URI || got.FinishedAt.IsZero() {
		t.Errorf("manifest %+v, want all of the batch", got)
	}
	noted, _, err := l.registry.VersionBatches(t.Context(), l.model, pinned.Number, registry.Page{Limit: 10})
	if err != nil || len(noted) != 1 || noted[0].TaskID != "b" || noted[0].Rows != rows {
		t.Errorf("the version has scored %+v (%v), want the batch once", noted, err)
	}
	if keys := l.keys("batches/b/"); len(keys) != 5 {
		t.Errorf("objects %v, want the input, three parts and the manifest: a retry overwrites", keys)
	}
}

func TestScoreShard_probabilitiesAreThoseOfTheModel(t *testing.T) {
	l, pinned := pinnedLab(t, "batch-probabilities")
	ref := l.put("batches/p/input.csv", irisRows(1))
	plan := must(l, l.PlanShards, activities.PlanShardsInput{Rows: ref, Model: pinned})
	part := must(l, l.ScoreShard, activities.ScoreShardInput{TaskID: "p", Shard: plan.Shards[0], Rows: ref, Model: pinned, Columns: plan.Columns})
	cells := strings.Split(strings.TrimSpace(l.readAll(part.Ref)), ",")
	v, err := l.registry.Champion(t.Context(), l.model)
	if err != nil {
		t.Fatal(err)
	}
	m, err := l.registry.Load(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float64, 3)
	m.Predict([]float64{5.1, 3.5, 1.4, 0.2}, want)
	for i, p := range want {
		if got, err := strconv.ParseFloat(cells[i+1], 64); err != nil || got != p {
			t.Errorf("probability %d is %s, want %v to the last digit", i, cells[i+1], p)
		}
	}
}

func TestPinModel_refusals(t *testing.T) {
	l, _ := pinnedLab(t, "pins")
	tests := map[string]struct{ model, id, errorType string }{
		"unknown version":          {"pins", "9", activities.ErrModelNotFound},
		"unknown model":            {"nobody", "", activities.ErrModelNotFound},
		"another model's":          {"pins", "models:/others/1", activities.ErrBadInput},
		"no reference of any form": {"pins", "http://x", activities.ErrBadInput},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := do(l, l.PinModel, activities.PinModelInput{Model: test.model, ModelID: test.id})
			refused(t, err, test.errorType)
		})
	}
}

func TestPlanShards_refusals(t *testing.T) {
	l, pinned := pinnedLab(t, "plans")
	header := "sepal_length,sepal_width,petal_length,petal_width\n"
	tests := map[string]struct {
		rows  objstore.Ref
		words []string
	}{
		"missing column": {l.put("r/a.csv", []byte("sepal_length\n1\n")), []string{"sepal_width", "missing"}},
		"no rows":        {l.put("r/b.csv", []byte(header)), []string{"no rows"}},
		"empty":          {l.put("r/c.csv", nil), []string{"no rows"}},
		"endless line":   {l.put("r/d.csv", []byte(header+strings.Repeat("1", 1<<20+1))), []string{"line 2", "longer"}},
		"no header":      {l.put("r/e.csv", []byte("\"\n1,2,3,4\n")), []string{"line 1", "not a header"}},
		"missing object": {objstore.Ref{Bucket: l.bucket, Key: "r/none.csv"}, []string{"does not exist"}},
		"closed bucket":  {objstore.Ref{Bucket: "mlflow", Key: "x"}, []string{"not open"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := do(l, l.PlanShards, activities.PlanShardsInput{Rows: test.rows, Model: pinned})
			refused(t, err, activities.ErrBadDataset, test.words...)
		})
	}
}

func TestScoreShard_namesTheBadLine(t *testing.T) {
	l, pinned := pinnedLab(t, "bad-lines")
	for name, line := range map[string]string{"text": "1,2,x,4", "infinite": "1,2,1e999,4", "not a number": "1,2,NaN,4", "short": "1,2"} {
		t.Run(name, func(t *testing.T) {
			ref := l.put("r/bad.csv", []byte("sepal_length,sepal_width,petal_length,petal_width\n1,2,3,4\n"+line+"\n"))
			plan, err := do(l, l.PlanShards, activities.PlanShardsInput{Rows: ref, Model: pinned})
			if err != nil {
				t.Fatal(err)
			}
			_, err = do(l, l.ScoreShard, activities.ScoreShardInput{TaskID: "bad", Shard: plan.Shards[0], Rows: ref, Model: pinned, Columns: plan.Columns})
			refused(t, err, activities.ErrBadDataset, "line 3")
			if left := l.keys("batches/bad/"); len(left) > 0 {
				t.Errorf("%v were left behind", left)
			}
		})
	}
}
