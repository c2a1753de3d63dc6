package activities_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"iris/activities"
	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/model"
)

// irisAs returns the bundled data with another name of the label column, for models other than iris.
func irisAs(label string) []byte {
	return bytes.Replace(dataset.IrisCSV(), []byte("species"), []byte(label), 1)
}

// irisRows returns a CSV of n rows of about 120 bytes: the features, and two columns that no model has.
func irisRows(n int) []byte {
	var b bytes.Buffer
	b.WriteString("petal_width,note,petal_length,sepal_width,sepal_length,padding\n")
	padding := strings.Repeat("x", 100)
	for i := range n {
		if i%2 == 0 {
			fmt.Fprintf(&b, "0.2,%d,1.4,3.5,5.1,%s\n", i, padding) // a setosa
		} else {
			fmt.Fprintf(&b, "2.3,%d,6.1,3.0,7.7,%s\n", i, padding) // a virginica
		}
	}
	return b.Bytes()
}

const irisHeader = "sepal_length,sepal_width,petal_length,petal_width\n"

// pinnedLab returns a lab whose model has a champion.
func pinnedLab(t *testing.T, name string) *lab {
	t.Helper()
	l := newLab(t, name)
	_, _, v := l.version(l.put("given/iris.csv", irisAs("x")).URI(), model.LogisticRegression)
	must(
		l,
		l.PromoteVersion,
		registry.Promotion{Model: name, Version: v.Number, Actor: "test", At: time.Now()},
	)
	return l
}

// scored is a finished batch.
type scored struct {
	plan     activities.BatchPlan
	manifest activities.Manifest
	output   string
	errors   string
}

// batch runs the activities of a batch, each of them twice.
func (l *lab) batch(in activities.PlanBatchInput) scored {
	l.t.Helper()
	in.Model = l.model
	var b scored
	b.plan = must(l, l.PlanBatch, in)
	write := activities.WriteManifestInput{TaskID: in.TaskID, Plan: b.plan.Plan, StartedAt: time.Now().Add(-time.Second)}
	for i := range b.plan.Shards {
		write.Shards = append(
			write.Shards,
			must(l, l.ScoreShard, activities.ScoreShardInput{TaskID: in.TaskID, Plan: b.plan.Plan, Shard: i}),
		)
	}
	written := must(l, l.WriteManifest, write)
	if err := l.store.GetJSON(l.t.Context(), written.Manifest.Bucket, written.Manifest.Key, &b.manifest); err != nil {
		l.t.Fatal(err)
	}
	if b.output = l.readAll(b.manifest.Output); int64(len(b.output)) != b.manifest.Output.Size {
		l.t.Errorf("output of %d bytes, the manifest says %d", len(b.output), b.manifest.Output.Size)
	}
	if b.manifest.Failed > 0 {
		b.errors = l.readAll(b.manifest.Errors)
	}
	return b
}

func TestBatch_scoresEveryRowInOrder(t *testing.T) {
	l := pinnedLab(t, "batch-order")
	const rows = 60_000 // 7.4 MB: four shards
	ref := l.put("batches/b/input.csv", irisRows(rows))
	b := l.batch(activities.PlanBatchInput{TaskID: "b", Rows: ref, KeyColumns: []string{"note"}})
	if b.plan.Model.URI != "models:/batch-order/1" {
		t.Errorf("pinned %+v, want the champion by its number", b.plan.Model)
	}
	if b.plan.Rows != rows || b.plan.Shards != 4 {
		t.Fatalf("plan of %d rows in %d shards, want %d in 4", b.plan.Rows, b.plan.Shards, rows)
	}
	lines := strings.Split(strings.TrimSuffix(b.output, "\n"), "\n")
	if len(lines) != rows+1 || lines[0] != "note,label,p_setosa,p_versicolor,p_virginica" {
		t.Fatalf("output of %d lines that begins with %q", len(lines), lines[0])
	}
	for i, line := range lines[1:] {
		if want := fmt.Sprintf("%d,%s,", i, []string{"setosa", "virginica"}[i%2]); !strings.HasPrefix(line, want) {
			t.Fatalf("row %d is %s, want it to begin with %s", i, line, want)
		}
	}
	m := b.manifest
	if m.State != "SUCCESS" || m.Rows != rows || m.Failed != 0 || len(m.Parts) != 4 || len(m.Classes) != 3 ||
		m.ModelID != b.plan.Model.URI ||
		m.FinishedAt.IsZero() ||
		m.DatasetSHA256 != ref.SHA256 ||
		m.Input != ref ||
		m.Timings.RowsPerSecond <= 0 {
		t.Errorf("manifest %+v, want all of the batch", m)
	}
	var first int64
	header, _, _ := strings.Cut(b.output, "\n")
	parts := header + "\n"
	for i, part := range m.Parts {
		if part.Shard != i || part.First != first {
			t.Errorf("part %+v, want shard %d from row %d on", part, i, first)
		}
		first += part.Rows
		parts += l.readAll(part.Ref)
	}
	if parts != b.output {
		t.Error("the header and the parts are not the output")
	}
	recorded, _, err := l.catalogue(t).VersionBatches(t.Context(), l.model, b.plan.Model.Number, 10, "")
	if err != nil || len(recorded) != 1 || recorded[0].TaskID != "b" || recorded[0].Rows != rows {
		t.Errorf("the version has scored %+v (%v), want the batch once", recorded, err)
	}
	if keys := l.keys("batches/b/"); len(keys) != 8 {
		t.Errorf("objects %v, want the input, the plan, four parts, the output and the manifest: a retry overwrites", keys)
	}
}

func TestBatch_probabilitiesAreThoseOfTheModel(t *testing.T) {
	l := pinnedLab(t, "batch-probabilities")
	b := l.batch(activities.PlanBatchInput{TaskID: "p", Rows: l.put("batches/p/input.csv", irisRows(1))})
	cells := strings.Split(strings.TrimSpace(strings.Split(b.output, "\n")[1]), ",")
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

// The same rows give the same scores in every format, packed or not.
func TestBatch_formatsOfRows(t *testing.T) {
	l := pinnedLab(t, "batch-formats")
	text := irisRows(5)
	var lines bytes.Buffer
	type row struct {
		SepalLength float64 `json:"sepal_length" parquet:"sepal_length"`
		SepalWidth  float32 `json:"sepal_width" parquet:"sepal_width"`
		PetalLength float64 `json:"petal_length" parquet:"petal_length,optional"`
		PetalWidth  float64 `json:"petal_width" parquet:"petal_width,zstd"`
		Note        string  `json:"note" parquet:"note,dict"`
	}
	var rows []row
	for i := range 5 {
		r := row{5.1, 3.5, 1.4, 0.2, strconv.Itoa(i)}
		if i%2 == 1 {
			r = row{7.7, 3, 6.1, 2.3, strconv.Itoa(i)}
		}
		rows = append(rows, r)
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	var table bytes.Buffer
	if err := parquet.Write(&table, rows, parquet.MaxRowsPerRowGroup(2)); err != nil {
		t.Fatal(err)
	}
	var want string
	for _, test := range []struct {
		key, format string
		data        []byte
	}{
		{"rows.csv", "", text},
		{"rows.csv.gz", "", zipped(t, text)},
		{"packed-without-a-name", "csv", zipped(t, text)},
		{"rows.jsonl", "", lines.Bytes()},
		{"rows.ndjson.gz", "", zipped(t, lines.Bytes())},
		{"rows.txt", "jsonl", lines.Bytes()},
		{"rows.parquet", "", table.Bytes()},
	} {
		t.Run(test.key, func(t *testing.T) {
			ref := l.put("formats/"+test.key, test.data)
			digest := ref.SHA256
			ref.SHA256, ref.Size = "", 0 // as someone at a command line would name it
			b := l.batch(
				activities.PlanBatchInput{TaskID: "f-" + test.key, Rows: ref, Format: test.format, KeyColumns: []string{"note"}},
			)
			if want == "" {
				want = b.output
			}
			if b.output != want || b.manifest.Rows != 5 {
				t.Errorf("output\n%swant\n%s", b.output, want)
			}
			if b.manifest.DatasetSHA256 != digest {
				t.Errorf("digest %s, want that of the given bytes, %s", b.manifest.DatasetSHA256, digest)
			}
		})
	}
}

func zipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBatch_formatsOfScores(t *testing.T) {
	l := pinnedLab(t, "batch-outputs")
	ref := l.put("given/rows.csv", irisRows(40_000)) // several shards
	for output, check := range map[string]func(t *testing.T, data string){
		"jsonl": func(t *testing.T, data string) {
			const first = `{"note":"0","label":"setosa"}` + "\n" + `{"note":"1","label":"virginica"}` + "\n"
			if n := strings.Count(data, "\n"); n != 40_000 || !strings.HasPrefix(data, first) {
				t.Errorf("%d lines that begin with %.100s", n, data)
			}
		},
		"parquet": func(t *testing.T, data string) {
			type row struct {
				Note  string `parquet:"note"`
				Label string `parquet:"label"`
			}
			rows, err := parquet.Read[row](strings.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range rows {
				if want := (row{strconv.Itoa(i), []string{"setosa", "virginica"}[i%2]}); r != want {
					t.Fatalf("row %d is %+v, want %+v", i, r, want)
				}
			}
			if len(rows) != 40_000 {
				t.Errorf("%d rows, want 40000", len(rows))
			}
		},
	} {
		t.Run(output, func(t *testing.T) {
			b := l.batch(
				activities.PlanBatchInput{
					TaskID:     "o-" + output,
					Rows:       ref,
					KeyColumns: []string{"note"},
					Output:     output,
					LabelsOnly: true,
				},
			)
			if b.plan.Shards < 2 {
				t.Errorf("%d shards, want several", b.plan.Shards)
			}
			check(t, b.output)
		})
	}
}

// The objects under a prefix are one batch, in the order of their keys. Each has its own header.
func TestBatch_prefix(t *testing.T) {
	l := pinnedLab(t, "batch-prefix")
	l.put(
		"many/b.csv",
		[]byte("petal_width,note,petal_length,sepal_width,sepal_length\n2.3,b1,6.1,3.0,7.7\n2.3,b2,x,3.0,7.7\n"),
	)
	l.put(
		"many/a, quoted.csv",
		[]byte("note,sepal_length,sepal_width,petal_length,petal_width\na1,5.1,3.5,1.4,0.2\n\na2,1\n"),
	)
	l.put(
		"many/c/d.jsonl.gz",
		zipped(t, []byte(`{"note":"d1","sepal_length":5.1,"sepal_width":3.5,"petal_length":1.4,"petal_width":0.2}`)),
	)
	l.put("many/empty.csv", []byte("note,"+irisHeader))
	l.put("many/_SUCCESS", nil)
	l.put("many/.part.crc", []byte("x"))
	b := l.batch(
		activities.PlanBatchInput{
			TaskID:     "prefix",
			Rows:       objstore.Ref{Bucket: l.bucket, Key: "many/"},
			KeyColumns: []string{"note"},
			LabelsOnly: true,
		},
	)
	if want := "note,label\na1,setosa\nb1,virginica\nd1,setosa\n"; b.output != want {
		t.Errorf("output %q, want %q", b.output, want)
	}
	want := "object,line,column,reason\n\"many/a, quoted.csv\",4,,\"want 5 values, found 2\"\n" +
		"many/b.csv,3,petal_length,\"\"\"x\"\" is not a finite number\"\n"
	if b.errors != want {
		t.Errorf("errors\n%swant\n%s", b.errors, want)
	}
	if m := b.manifest; m.Rows != 3 || m.Failed != 2 || len(m.DatasetSHA256) != 64 || m.Parts[2].First != 2 {
		t.Errorf("manifest %+v, want 3 rows and 2 bad ones", m)
	}
}

// A spreadsheet must not compute what a client wrote into a key or into the name of an object.
func TestBatch_csvSafe(t *testing.T) {
	l := pinnedLab(t, "batch-safe")
	text := "=id," + irisHeader + "=1+1,5.1,3.5,1.4,0.2\n-2,5.1,3.5,1.4,0.2\nx,=1,2,3,4\n"
	l.put("=safe/a.csv", []byte(text))
	in := activities.PlanBatchInput{
		Rows: objstore.Ref{Bucket: l.bucket, Key: "=safe/"}, KeyColumns: []string{"=id"}, LabelsOnly: true,
	}
	for safe, want := range map[bool][2]string{
		false: {"=id,label\n=1+1,setosa\n-2,setosa\n", "=safe/a.csv,4,"},
		true:  {"'=id,label\n'=1+1,setosa\n-2,setosa\n", "'=safe/a.csv,4,"},
	} {
		in.TaskID, in.CSVSafe = "safe-"+strconv.FormatBool(safe), safe
		b := l.batch(in)
		if b.output != want[0] || !strings.Contains(b.errors, "\n"+want[1]) {
			t.Errorf("safe=%v: wrote\n%sand\n%swant\n%sand %q", safe, b.output, b.errors, want[0], want[1])
		}
	}
}

func TestBatch_badRowsAreNamed(t *testing.T) {
	l := pinnedLab(t, "batch-bad")
	text := irisHeader + "5.1,3.5,1.4,0.2\n1,2,x,4\n1,2,1e999,4\n1,2,NaN,4\n1,2\n1,\"2,3,4\n"
	b := l.batch(activities.PlanBatchInput{TaskID: "bad", Rows: l.put("r/bad.csv", []byte(text))})
	records, err := csv.NewReader(strings.NewReader(b.errors)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"line", "column", "reason"},
		{"3", "petal_length", `"x" is not a finite number`},
		{"4", "petal_length", `"1e999" is not a finite number`},
		{"5", "petal_length", `"NaN" is not a finite number`},
		{"6", "", "want 4 values, found 2"},
		{"7", "", "a quoted value does not end, or text follows its closing quote"},
	}
	if !slices.EqualFunc(records, want, slices.Equal) {
		t.Errorf("errors %q, want %q", records, want)
	}
	if b.manifest.Rows != 1 || b.manifest.Failed != 5 || strings.Count(b.output, "\n") != 2 {
		t.Errorf("manifest %+v and output %q, want one row", b.manifest, b.output)
	}
	shard := must(l, l.ScoreShard, activities.ScoreShardInput{TaskID: "bad", Plan: b.plan.Plan})
	if shard.FirstBad != `line 3, column "petal_length": "x" is not a finite number` || shard.Stopped {
		t.Errorf("shard %+v, want the first bad row", shard)
	}
	shard = must(l, l.ScoreShard, activities.ScoreShardInput{TaskID: "bad", Plan: b.plan.Plan, MaxBadRows: new(int64)})
	if !shard.Stopped || shard.BadRows != 1 {
		t.Errorf("shard %+v, want it to stop at the first bad row", shard)
	}
}

func TestBatch_nothingButBadRows(t *testing.T) {
	l := pinnedLab(t, "batch-all-bad")
	b := l.batch(activities.PlanBatchInput{TaskID: "all-bad", Rows: l.put("r/bad.csv", []byte(irisHeader+"1\n2\n"))})
	if b.output != "label,p_setosa,p_versicolor,p_virginica\n" || b.manifest.Failed != 2 || len(b.manifest.Parts) != 0 {
		t.Errorf("output %q, manifest %+v: want the header alone", b.output, b.manifest)
	}
}

// The finished parts of a cancelled batch can be read.
func TestWriteManifest_cancelled(t *testing.T) {
	l := pinnedLab(t, "batch-cancelled")
	const rows = 40_000
	plan := must(
		l,
		l.PlanBatch,
		activities.PlanBatchInput{TaskID: "c", Model: l.model, Rows: l.put("r/c.csv", irisRows(rows))},
	)
	shards := make([]activities.ScoredShard, plan.Shards)
	shards[1] = must(l, l.ScoreShard, activities.ScoreShardInput{TaskID: "c", Plan: plan.Plan, Shard: 1})
	written := must(
		l,
		l.WriteManifest,
		activities.WriteManifestInput{TaskID: "c", Plan: plan.Plan, Shards: shards, Cancelled: true},
	)
	var m activities.Manifest
	if err := l.store.GetJSON(t.Context(), l.bucket, written.Manifest.Key, &m); err != nil {
		t.Fatal(err)
	}
	if m.State != "REVOKED" || len(m.Parts) != 1 || m.Parts[0].Shard != 1 || m.Rows != shards[1].Rows ||
		m.Output.Key != "" {
		t.Errorf("manifest %+v, want the part that was finished and no output", m)
	}
	if n := strings.Count(l.readAll(m.Parts[0].Ref), "\n"); int64(n) != m.Parts[0].Rows {
		t.Errorf("the part has %d lines, the manifest says %d", n, m.Parts[0].Rows)
	}
}

func TestPlanBatch_refusals(t *testing.T) {
	l := pinnedLab(t, "plans")
	given := func(key, text string) objstore.Ref { return l.put("r/"+key, []byte(text)) }
	good := given("good.csv", irisHeader+"1,2,3,4\n")
	bomb := zipped(t, bytes.Repeat([]byte("1,2,3,4\n"), 4<<20))
	tests := map[string]struct {
		in        activities.PlanBatchInput
		errorType string
		words     []string
	}{
		"missing column": {
			activities.PlanBatchInput{Rows: given("a.csv", "sepal_length\n1\n")},
			activities.ErrBadDataset,
			[]string{"sepal_width", "missing"},
		},
		"a threshold for three classes": {
			activities.PlanBatchInput{Rows: good, Threshold: new(0.5)},
			activities.ErrBadInput,
			[]string{"/threshold", "is for models of two classes"},
		},
		"no rows": {
			activities.PlanBatchInput{Rows: given("b.csv", irisHeader)},
			activities.ErrBadDataset,
			[]string{"no rows"},
		},
		"empty": {
			activities.PlanBatchInput{Rows: given("c.csv", "")},
			activities.ErrBadDataset,
			[]string{"no rows"},
		},
		"endless header": {
			activities.PlanBatchInput{Rows: given("d.csv", strings.Repeat("1", 1<<20+1))},
			activities.ErrBadDataset,
			[]string{"line 1", "more than"},
		},
		"no header": {
			activities.PlanBatchInput{Rows: given("e.csv", "\"\n1,2,3,4\n")},
			activities.ErrBadDataset,
			[]string{"line 1", "not a header"},
		},
		"missing object": {
			activities.PlanBatchInput{Rows: objstore.Ref{Bucket: l.bucket, Key: "r/none.csv"}},
			activities.ErrBadDataset,
			[]string{"does not exist"},
		},
		"empty prefix": {
			activities.PlanBatchInput{Rows: objstore.Ref{Bucket: l.bucket, Key: "nothing/"}},
			activities.ErrBadDataset,
			[]string{"no object under"},
		},
		"closed bucket": {
			activities.PlanBatchInput{Rows: objstore.Ref{Bucket: "mlflow", Key: "x"}},
			activities.ErrBadDataset,
			[]string{"not open"},
		},
		"no parquet": {
			activities.PlanBatchInput{Rows: given("f.parquet", "PAR1, or so it says")},
			activities.ErrBadDataset,
			[]string{"not a readable Parquet file"},
		},
		"no gzip": {
			activities.PlanBatchInput{Rows: given("g.csv.gz", irisHeader)},
			activities.ErrBadDataset,
			[]string{"not a gzip file"},
		},
		"broken gzip": {
			activities.PlanBatchInput{Rows: l.put("r/h.csv.gz", zipped(t, irisRows(1000))[:500])},
			activities.ErrBadDataset,
			[]string{"h.csv.gz", "not a readable gzip file"},
		},
		"gzip of nothing": {
			activities.PlanBatchInput{Rows: given("i.csv.gz", "\x1f\x8b\x07 and nonsense")},
			activities.ErrBadDataset,
			[]string{"i.csv.gz"},
		},
		"bomb": {
			activities.PlanBatchInput{Rows: l.put("r/j.csv.gz", bomb)},
			activities.ErrBadDataset,
			[]string{"unpacks to more than"},
		},
		"missing key": {
			activities.PlanBatchInput{Rows: good, KeyColumns: []string{"id"}},
			activities.ErrBadDataset,
			[]string{`"id"`, "missing"},
		},
		"key named label": {
			activities.PlanBatchInput{Rows: good, KeyColumns: []string{"label"}},
			activities.ErrBadInput,
			[]string{"/key_columns", "label"},
		},
		"unknown output": {
			activities.PlanBatchInput{Rows: good, Output: "xlsx"},
			activities.ErrBadInput,
			[]string{"/output"},
		},
		"unknown format": {
			activities.PlanBatchInput{Rows: good, Format: "xlsx"},
			activities.ErrBadInput,
			[]string{"/format"},
		},
		"unknown version": {activities.PlanBatchInput{Rows: good, ModelID: "9"}, activities.ErrModelNotFound, nil},
		"unknown model":   {activities.PlanBatchInput{Rows: good, Model: "nobody"}, activities.ErrModelNotFound, nil},
		"another model's": {
			activities.PlanBatchInput{Rows: good, ModelID: "models:/others/1"},
			activities.ErrBadInput,
			nil,
		},
		"no good reference": {activities.PlanBatchInput{Rows: good, ModelID: "http://x"}, activities.ErrBadInput, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.in.TaskID = "refused"
			if test.in.Model == "" {
				test.in.Model = l.model
			}
			_, err := do(l, l.PlanBatch, test.in)
			refused(t, err, test.errorType, test.words...)
		})
	}
	if left := l.keys("batches/refused/"); len(left) > 0 {
		t.Errorf("%v were left behind", left)
	}
}

// A plan does not score rows that were replaced after it was made.
func TestScoreShard_rowsThatHaveChanged(t *testing.T) {
	l := pinnedLab(t, "batch-changed")
	ref := l.put("r/changed.csv", irisRows(10))
	plan := must(l, l.PlanBatch, activities.PlanBatchInput{TaskID: "changed", Model: l.model, Rows: ref})
	l.put("r/changed.csv", irisRows(11))
	_, err := do(l, l.ScoreShard, activities.ScoreShardInput{TaskID: "changed", Plan: plan.Plan})
	refused(t, err, activities.ErrBadDataset, "changed")
}
