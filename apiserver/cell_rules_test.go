package apiserver

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"iris/internal/catalogue"
	"iris/internal/dataset"
	"iris/workflows"
)

func TestTraining_cellRules(t *testing.T) {
	a := newAPI(t)
	want := workflows.CellRules{
		Columns:       map[string]string{"zip": "categorical", "a:b, c": "ignore"},
		MissingValues: []string{"NA", "-999"}, AllowMissing: true, MinClassRows: new(3), Text: "ignore",
	}
	const request = `{"columns":{"zip":"CATEGORICAL","a:b, c":"Ignore"},"missing_values":["NA","-999"],` +
		`"allow_missing":true,"min_class_rows":3,"text":"Ignore"}`
	formBody, formHeader := form(part{"request", request})
	for _, test := range []struct{ name, query, body, header string }{
		{
			name: "parameters",
			query: "?columns=zip:Categorical,%22a:b,%20c:ignore%22&missing_values=NA,-999&allow_missing=true" +
				"&min_class_rows=3&text=IGNORE",
		},
		{name: "JSON", body: request, header: asJSON},
		{name: "a form", body: formBody, header: formHeader},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := a.do(t, "POST", "/iris/training"+test.query, test.body, cmp.Or(test.header, "X-None: x"))
			if in := a.inputOf(t, a.accepted(t, got)); !reflect.DeepEqual(in.CellRules, want) {
				t.Errorf("got %+v, want %+v", in.CellRules, want)
			}
		})
	}
	for query, fault := range map[string]string{
		"?columns=zip":              "columns",
		"?columns=zip:numeric,zip:": "columns",
		"?columns=zip:word":         "columns",
		"?min_class_rows=1":         "min_class_rows",
		"?text=stem":                "text",
		"?allow_missing=perhaps":    "allow_missing",
	} {
		t.Run(query, func(t *testing.T) {
			for _, path := range []string{"/iris/training", "/datasets"} {
				told := a.do(t, "POST", path+query, smallCSV, csvType).problem(t, 422)
				if told.Errors[0].Parameter != fault {
					t.Errorf("%s: %+v, want a fault of %s", path, told, fault)
				}
			}
		})
	}
}

const mixedCSV = "zip,age,sex,id,survived\n" +
	"01234,22,male,1,no\n01234,,female,2,yes\n99999,26,female,3,yes\n01234,35,male,4,no\n" +
	"99999,27,female,5,yes\n99999,19,male,6,no\n01234,31,female,7,yes\n99999,40,male,8,no\n01234,,male,9,\n"

func TestDatasets_columnsAndReport(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	var up DatasetUploaded
	a.do(t, "POST", "/datasets?columns=id:ignore", mixedCSV, csvType).json(t, 201, &up)
	if up.LabelColumn != "survived" || up.LabelReason == "" || up.DroppedRows != 1 || len(up.Warnings) == 0 ||
		!slices.Equal(up.Schema.Features, []string{"zip", "age", "sex"}) {
		t.Errorf("got %+v, want the class column and why, a dropped row and no id", up)
	}
	if !maps.Equal(up.Columns, map[string]string{"id": "ignore"}) {
		t.Errorf("columns %v, want id to be ignored", up.Columns)
	}

	var report catalogue.Report
	a.do(t, "GET", "/datasets/"+up.Digest[:12]+"/report", nil).json(t, 200, &report)
	if report.Digest != up.Digest || report.Rows != 8 || report.DroppedRows != 1 || len(report.Columns) != 3 ||
		len(report.Classes) != 2 || len(report.Warnings) != len(up.Warnings) {
		t.Fatalf("report %+v", report)
	}
	zip, age := report.Columns[0], report.Columns[1]
	if zip.Kind != dataset.Categorical || zip.Distinct != 2 || zip.Numbers != nil || len(zip.Top) != 2 {
		t.Errorf("zip is %+v, want a category of 2 values", zip)
	}
	if age.Kind != dataset.Numeric || age.Missing == 0 || age.Numbers == nil || age.Numbers.Max != 40 {
		t.Errorf("age is %+v, want numbers up to 40 and gaps", age)
	}
	a.do(t, "GET", "/datasets/"+up.Digest+"/report?label_column=sex", nil).problem(t, 404)

	patch := func(body string) (d DatasetDetails) {
		t.Helper()
		a.patchDataset(t, up.Digest, body).json(t, 200, &d)
		return d
	}
	got := patch(`{"columns":{"id":null,"zip":"Numeric","age":"categorical"}}`)
	if !maps.Equal(got.Columns, map[string]string{"zip": "numeric", "age": "categorical"}) {
		t.Errorf("columns %v after the patch", got.Columns)
	}
	for body, pointer := range map[string]string{
		`{"columns":{"none":"numeric"}}`: "/columns/none",
		`{"columns":{"zip":"word"}}`:     "/columns/zip",
	} {
		told := a.patchDataset(t, up.Digest, body).problem(t, 422)
		if told.Errors[0].Pointer != pointer {
			t.Errorf("%s: %+v, want a fault at %s", body, told, pointer)
		}
	}
}

// An upload for a training is answered with what was found, and refused with every bad column.
func TestTraining_uploadIsDescribed(t *testing.T) {
	a := newAPI(t)
	var accepted Accepted
	a.do(t, "POST", "/passengers/training", mixedCSV, csvType).json(t, 202, &accepted)
	if d := accepted.Data; d == nil || d.LabelColumn != "survived" || d.DroppedRows != 1 || len(d.Warnings) == 0 {
		t.Errorf("answered %+v, want the class column, a dropped row and warnings", accepted)
	}
	told := a.do(t, "POST", "/passengers/training?columns=sex:numeric,zip:boolean", mixedCSV, csvType).problem(t, 422)
	var columns []string
	for _, f := range told.Errors {
		columns = append(columns, f.Column)
	}
	if !slices.Equal(columns, []string{"zip", "sex"}) {
		t.Errorf("%+v, want a fault of zip and one of sex", told)
	}
	rare := "x,kind\n" + strings.Repeat("1,a\n2,a\n3,a\n", 3) + "4,b\n5,b\n"
	a.do(t, "POST", "/rare/training", rare, csvType).problem(t, 422, "want at least 3")
	a.do(t, "POST", "/rare/training?algorithm=knn", rare, csvType).json(t, 202, &accepted)
}
