package activities_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"iris/activities"
	"iris/internal/catalogue"
	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/objstore"
	"iris/internal/tablefile"
	"iris/internal/testenv"
	"iris/model"
)

func TestValidateDataset_sameBytesAreTheSameDataset(t *testing.T) {
	l := newLab(t, "iris")
	bundled := must(l, l.ValidateDataset, activities.ValidateDatasetInput{Model: "iris"})
	given := must(l, l.ValidateDataset, activities.ValidateDatasetInput{
		Model: "iris", URI: l.put("given/iris.csv", dataset.IrisCSV()).URI(),
	})
	if bundled.SHA256 != given.SHA256 || bundled.Data != given.Data || bundled.View != given.View {
		t.Errorf("bundled %+v and given %+v, want one dataset", bundled, given)
	}
	if given.Rows != 150 || given.Features != 4 || given.Classes != 3 {
		t.Errorf("%d rows, %d features, %d classes; want 150, 4, 3", given.Rows, given.Features, given.Classes)
	}
	if left := l.keys(objstore.UploadsPrefix); len(left) > 0 {
		t.Errorf("%v were left behind", left)
	}
	if kept := l.keys("datasets/"); len(kept) != 2 {
		t.Errorf("kept %v, want the data and one view of it", kept)
	}
}

func TestValidateDataset_takesUCIsFile(t *testing.T) {
	l := newLab(t, "iris")
	got := must(l, l.ValidateDataset, activities.ValidateDatasetInput{
		Model: "iris", URI: l.put("given/iris.data", datasettest.UCIIris()).URI(),
	})
	var view catalogue.View
	if err := l.store.GetJSON(t.Context(), got.View.Bucket, got.View.Key, &view); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(view.Schema.Classes, []string{"setosa", "versicolor", "virginica"}) || view.Profile.Rows != 150 {
		t.Errorf("view %+v, want the three classes of the model and 150 rows", view)
	}
}

// The kinds that people gave to the columns of a dataset hold for a training, and the request wins over them.
func TestValidateDataset_cellRules(t *testing.T) {
	l := newLab(t, "cell-rules")
	csv := []byte("zip,size,id,kind\n1,2,1,a\n2,3,2,a\n1,,3,b\n2,5,4,b\n1,4,5,a\n2,4,6,b\n1,2,7,\n")
	ref, err := l.catalogue(t).KeepBytes(t.Context(), csv)
	if err != nil {
		t.Fatal(err)
	}
	err = l.catalogue(t).Annotate(t.Context(), ref.SHA256, catalogue.Change{
		SetColumns: map[string]string{"zip": "categorical", "id": "ignore"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		rules    activities.CellRules
		features []string
		zip      dataset.Kind
	}{
		"of the dataset": {activities.CellRules{}, []string{"zip", "size"}, dataset.Categorical},
		"of the request": {
			activities.CellRules{Columns: map[string]string{"zip": "numeric", "id": "numeric"}},
			[]string{"zip", "size", "id"},
			dataset.Numeric,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := must(l, l.ValidateDataset, activities.ValidateDatasetInput{
				Model: l.model, URI: ref.URI(), CellRules: test.rules,
			})
			view, err := l.catalogue(t).View(t.Context(), got.View)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(view.Schema.Features, test.features) || view.Schema.Column(0).Kind != test.zip {
				t.Errorf("schema %+v, want the features %v and zip as %s", view.Schema, test.features, test.zip)
			}
			f := got.Findings
			if f == nil || f.LabelColumn != "kind" || f.DroppedRows != 1 || f.Rows != 6 || got.Inputs == nil {
				t.Errorf("findings %+v and inputs %+v, want the class column and a dropped row", f, got.Inputs)
			}
		})
	}
}

// A column that is a copy of the class is named, and no other one.
func TestValidateDataset_leaks(t *testing.T) {
	l := newLab(t, "leaks")
	csv := []byte("height,payment,outcome\n")
	for i := range 200 {
		class := []string{"paid", "lost"}[i%2]
		csv = fmt.Appendf(csv, "%d,%s,%s\n", i*i%97, map[string]string{"paid": "full", "lost": "none"}[class], class)
	}
	ref, err := l.catalogue(t).KeepBytes(t.Context(), csv)
	if err != nil {
		t.Fatal(err)
	}
	got := must(l, l.ValidateDataset, activities.ValidateDatasetInput{
		Model: l.model, URI: ref.URI(), CellRules: activities.CellRules{MissingValues: []string{}},
	})
	var leaks []string
	for _, w := range got.Findings.Warnings {
		if w.Code == dataset.CodeLeak {
			leaks = append(leaks, w.Column)
		}
	}
	if !slices.Equal(leaks, []string{"payment"}) {
		t.Errorf("leaks %q in %+v, want payment", leaks, got.Findings)
	}
	view, err := l.catalogue(t).View(t.Context(), got.View)
	if err != nil || view.Schema.MissingValues == nil || len(view.Schema.MissingValues) != 0 {
		t.Errorf("view %+v, %v; want a stored schema in which no word means a missing value", view.Schema, err)
	}
}

// A dataset is read once for its schema, and once for what needs the schema: different rows and leaks.
func TestValidateDataset_readsTwice(t *testing.T) {
	proxy, store := testenv.S3Proxy(t)
	l := newLabWith(t, "reads", activities.Options{Store: store})
	ref := l.put("given/iris.csv", dataset.IrisCSV())
	in := activities.ValidateDatasetInput{Model: l.model, URI: ref.URI(), CrossValidated: true}
	copied := must(l, l.ValidateDataset, in)
	proxy.Drain()
	in.URI = copied.Data.URI()
	if _, err := do(l, l.ValidateDataset, in); err != nil {
		t.Fatal(err)
	}
	requests := proxy.Drain()
	if n := testenv.CountRequests(requests, "GET", copied.Data.Key); n != 2 {
		t.Errorf("%d reads of the dataset among %q, want 2", n, requests)
	}
}

// The same table is the same dataset, in whatever form an object has it.
func TestValidateDataset_formsOfATable(t *testing.T) {
	l := newLab(t, "forms")
	plain := must(l, l.ValidateDataset, activities.ValidateDatasetInput{
		Model: l.model, URI: l.put("plain", []byte(datasettest.FormsCSV)).URI(),
	})
	for _, form := range datasettest.Forms() {
		t.Run(form.Name, func(t *testing.T) {
			got := must(l, l.ValidateDataset, activities.ValidateDatasetInput{
				Model: l.model, URI: l.put("given/"+form.Name, form.File).URI(),
			})
			if got.SHA256 != plain.SHA256 || got.Rows != 6 || got.Features != 2 || got.Data != plain.Data {
				t.Errorf("got %+v, want %+v", got, plain)
			}
		})
	}
	if left := l.keys(objstore.UploadsPrefix); len(left) > 0 {
		t.Errorf("%v were left behind", left)
	}
}

// A dataset without a header, or with numbers for names, is read as it was said, also the second time.
func TestValidateDataset_header(t *testing.T) {
	l := newLab(t, "header")
	validate := func(uri string, header tablefile.Header) (activities.Dataset, catalogue.View) {
		t.Helper()
		d := must(l, l.ValidateDataset, activities.ValidateDatasetInput{
			Model: l.model, URI: uri, Reading: tablefile.Reading{Header: header},
		})
		var view catalogue.View
		if err := l.store.GetJSON(t.Context(), d.View.Bucket, d.View.Key, &view); err != nil {
			t.Fatal(err)
		}
		return d, view
	}
	const rows = "1,2,a\n2,1,a\n3,5,b\n4,7,b\n"
	named := l.put("given/named.csv", []byte("7,8,a\n"+rows)).URI()
	first, view := validate(named, tablefile.HeaderTrue)
	if first.Rows != 4 || !slices.Equal(view.Schema.Features, []string{"7", "8"}) || view.Header != dataset.HeaderTrue {
		t.Errorf("%+v, %+v, want four rows and features 7 and 8", first, view)
	}
	unnamed, _ := validate(l.put("given/unnamed.csv", []byte(rows)).URI(), tablefile.HeaderFalse)
	again, _ := validate(first.Data.URI(), tablefile.HeaderTrue)
	if unnamed.Rows != 4 || again.SHA256 != first.SHA256 {
		t.Errorf("%+v and %+v, want four rows, and the dataset %s", unnamed, again, first.SHA256)
	}
	converted, _ := validate(first.Data.URI(), tablefile.HeaderFalse) // the names are a row then
	if converted.Rows != 5 || converted.SHA256 == first.SHA256 {
		t.Errorf("%+v, want another dataset of five rows", converted)
	}
}

// What is wrong with an object has the line of the object, not that of the CSV that it became.
func TestValidateDataset_refusesFilesOfOtherForms(t *testing.T) {
	l := newLab(t, "bad-forms")
	for _, test := range []struct {
		key, file string
		reading   tablefile.Reading
		errorType string
		want      string
	}{
		{"a.csv", "x;label\n\n1,5;a\n\n2;\"b\n", tablefile.Reading{}, activities.ErrBadDataset, "line 5: a quoted value"},
		{"b.csv", "x;y;label\n\n1,5;1;a\n\n2;b\n", tablefile.Reading{}, activities.ErrBadDataset, "line 5: want 3 values"},
		{"c.csv.gz", "x,label\n", tablefile.Reading{}, activities.ErrBadDataset, "not a gzip file"},
		{"d.csv", "x,label\n1,M\xfc\n", tablefile.Reading{}, activities.ErrBadDataset, "line 2: not UTF-8"},
		{"e.csv", "x,label\n1,a\n", tablefile.Reading{Encoding: "klingon"}, activities.ErrBadInput, `"klingon" is not known`},
	} {
		_, err := do(l, l.ValidateDataset, activities.ValidateDatasetInput{
			Model: l.model, URI: l.put("given/"+test.key, []byte(test.file)).URI(), Reading: test.reading,
		})
		refused(t, err, test.errorType, test.want)
	}
	if left := l.keys(objstore.UploadsPrefix); len(left) > 0 {
		t.Errorf("%v were left behind", left)
	}
}

func TestValidateDataset_saysHowManyRowsItWants(t *testing.T) {
	l := newLab(t, "few-rows")
	uri := l.put("given/few.csv", []byte("x,label\n1,a\n1,b\n1,a\n1,b\n")).URI()
	_, err := do(l, l.ValidateDataset, activities.ValidateDatasetInput{Model: l.model, URI: uri})
	refused(t, err, activities.ErrBadDataset, "at least 2 different rows")
	uri = l.put("given/four.csv", []byte("x,label\n1,a\n2,a\n3,b\n4,b\n")).URI()
	_, err = do(l, l.ValidateDataset, activities.ValidateDatasetInput{Model: l.model, URI: uri, CrossValidated: true})
	refused(t, err, activities.ErrBadDataset, "at least 3")
}

func TestValidateDataset_refusesBadFiles(t *testing.T) {
	l := newLab(t, "iris")
	for _, bad := range datasettest.BadFiles() {
		if bad.MaxBytes > 0 {
			continue // the limit of the activity is fixed at 1 GiB
		}
		t.Run(bad.Name, func(t *testing.T) {
			name := "iris"
			if bad.NewModel {
				name = "fresh"
			}
			_, err := do(l, l.ValidateDataset, activities.ValidateDatasetInput{
				Model: name, URI: l.put("given/"+bad.Name+".csv", bad.CSV).URI(), LabelColumn: bad.LabelColumn,
			})
			refused(t, err, activities.ErrBadDataset, bad.Want)
		})
	}
	if left := append(l.keys(objstore.UploadsPrefix), l.keys("datasets/")...); len(left) > 0 {
		t.Errorf("%v were left behind", left)
	}
}

func TestValidateDataset_refusesBadRequests(t *testing.T) {
	l := newLab(t, "fresh")
	tests := map[string]struct {
		in        activities.ValidateDatasetInput
		errorType string
		words     []string
	}{
		"no data and none bundled": {
			activities.ValidateDatasetInput{Model: "fresh"},
			activities.ErrBadInput,
			[]string{"/dataset", "missing"},
		},
		"local path": {
			activities.ValidateDatasetInput{Model: "fresh", URI: "/etc/passwd"},
			activities.ErrBadInput,
			[]string{"/dataset"},
		},
		"missing object": {
			activities.ValidateDatasetInput{Model: "fresh", URI: "s3://" + l.bucket + "/none.csv"},
			activities.ErrBadDataset,
			[]string{"none.csv does not exist"},
		},
		"MLflow's bucket": {
			activities.ValidateDatasetInput{Model: "fresh", URI: "s3://mlflow/x.csv"},
			activities.ErrBadDataset,
			[]string{`bucket "mlflow" is not open`},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := do(l, l.ValidateDataset, test.in)
			refused(t, err, test.errorType, test.words...)
		})
	}
}

func TestValidateDataset_refusesAnotherSchema(t *testing.T) {
	l := newLab(t, "iris")
	other := l.put("given/other.csv", bytes.Replace(dataset.IrisCSV(), []byte("petal_width"), []byte("petal_colour"), 1)).
		URI()
	in := activities.ValidateDatasetInput{Model: "iris", URI: other}
	_, err := do(l, l.ValidateDataset, in)
	refused(t, err, activities.ErrBadDataset, "petal_width", "petal_colour")
	in.AllowSchemaChange = true
	if got := must(l, l.ValidateDataset, in); got.Features != 4 {
		t.Errorf("allowed schema change: %+v, want it to pass", got)
	}
}

func TestValidateDataset_features(t *testing.T) {
	l := newLab(t, "petals")
	uri := l.put("given/iris.csv", dataset.IrisCSV()).URI()
	columns := []string{"petal_width", "petal_length"}
	in := activities.ValidateDatasetInput{Model: "petals", URI: uri, Features: columns}
	d := must(l, l.ValidateDataset, in)
	if d.Features != 2 {
		t.Fatalf("%+v, want two features", d)
	}
	spec := model.Spec{Algorithm: model.LogisticRegression, Seed: 42}
	run := must(l, l.StartRun, activities.StartRunInput{Model: "petals", Dataset: d, Spec: spec, TestSize: 0.25})
	fitted := must(l, l.TrainModel, activities.TrainModelInput{Dataset: d, Spec: spec, TestSize: 0.25, Run: run})
	evaluation := must(l, l.EvaluateModel, activities.EvaluateModelInput{Dataset: d, Model: fitted, Run: run})
	if evaluation.Metrics["accuracy"] < 0.85 {
		t.Errorf("metrics %v of a model of the petals alone, want a good one", evaluation.Metrics)
	}
	in.Features = []string{"petal_width", "colour"}
	_, err := do(l, l.ValidateDataset, in)
	refused(t, err, activities.ErrBadDataset, "/features/1", "colour")
	in.Features, in.ClassWeight = nil, &model.ClassWeight{Of: map[string]float64{"rose": 2}}
	_, err = do(l, l.ValidateDataset, in)
	refused(t, err, activities.ErrBadInput, "/class_weight/rose")

	iris := newLab(t, "iris")
	fewer := activities.ValidateDatasetInput{Model: "iris", Features: columns}
	_, err = do(iris, iris.ValidateDataset, fewer)
	refused(t, err, activities.ErrBadDataset, "sepal_length")
	fewer.AllowSchemaChange = true
	if got := must(iris, iris.ValidateDataset, fewer); got.Features != 2 {
		t.Errorf("allowed schema change: %+v, want it to pass", got)
	}
}

func TestValidateDataset_recordsSources(t *testing.T) {
	l := newLab(t, "iris")
	uri := l.put("given/again.csv", dataset.IrisCSV()).URI()
	var d activities.Dataset
	for _, from := range []string{"", uri, uri} {
		d = must(l, l.ValidateDataset, activities.ValidateDatasetInput{Model: "iris", URI: from})
	}
	must(l, l.ValidateDataset, activities.ValidateDatasetInput{Model: "iris", URI: d.Data.URI()}) // has a source already
	all, err := l.catalogue(t).Annotations(t.Context(), d.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	sources := all[d.SHA256].Sources
	if len(sources) != 2 || sources[0].Kind != catalogue.SourceBundled || sources[1].Kind != catalogue.SourceS3 ||
		sources[1].URI != uri {
		t.Errorf("sources %+v, want the bundled data and then %s", sources, uri)
	}
}

// catalogue returns the catalogue of the lab's bucket.
func (l *lab) catalogue(t *testing.T) *catalogue.Catalogue {
	t.Helper()
	c, err := catalogue.New(catalogue.Options{Store: l.store, Bucket: l.bucket})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
