//go:build interop

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"iris/deploy"
	"iris/internal/dataset/datasettest"
	"iris/internal/stack"
	"iris/internal/testenv"
	"iris/workflows"
)

// The same requests to `mlflow models serve` and to Iris get the same answers: status, content type, predictions within
// 1e-6, and error codes. A case for an intended difference says so, and checks both answers.
func TestInteropScoring(t *testing.T) {
	paths := testenv.Programs(t, stack.Interop)
	s := start(t)
	s.train(workflows.TrainingInput{Model: "iris"}) // the process is healthy once it has this champion
	if err := s.Cache.Refresh(t.Context(), "iris"); err != nil {
		t.Fatal(err)
	}
	for name, csv := range map[string][]byte{
		"scoring-iris":          datasettest.Iris(),
		"scoring-breast-cancer": datasettest.BreastCancer(),
		"scoring-one-feature":   oneFeature(),
	} {
		t.Run(name, func(t *testing.T) {
			s.train(workflows.TrainingInput{Model: name, DatasetURI: s.put("given/"+name+".csv", csv)})
			if err := s.Cache.Refresh(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			reference := serveModel(t, paths.Interop, s.addresses.MLflow, "models:/"+name+"@champion")
			c := s.interopCase(name, csv)
			compared := 0
			requests := oneFeatureRequests()
			if len(c.Features) > 1 {
				requests = c.scoringRequests()
			}
			for _, request := range append(protocolRequests(), requests...) {
				t.Run(request.name, func(t *testing.T) {
					want := request.send(t, reference, request.path)
					got := request.send(t, s.api, strings.Replace(request.path, "/invocations", "/"+name+"/invocations", 1))
					if request.differs == nil {
						compareAnswers(t, got, want)
						return
					}
					if want.status != request.differs.mlflow || got.status != request.differs.iris {
						t.Errorf(
							"MLflow %d, Iris %d (%s), want the known difference of %+v",
							want.status,
							got.status,
							got.body,
							*request.differs,
						)
					}
				})
				compared++
			}
			t.Logf("%d requests compared", compared)
		})
	}
}

// scoringRequest is a request to both servers.
type scoringRequest struct {
	name, method, path, contentType, body string

	differs *difference
}

// difference is an intended pair of different statuses, or the same status with different codes.
type difference struct{ mlflow, iris int }

var (
	missing   = &difference{200, 400} // MLflow reads it as NaN, which Iris refuses: docs/api/protocols.md
	guessed   = &difference{200, 400} // pandas guesses a meaning
	otherCode = &difference{400, 400} // both refuse it, with different codes
)

// protocolRequests returns the requests that do not depend on the rows.
func protocolRequests() []scoringRequest {
	return []scoringRequest{
		{name: "ping", method: "GET", path: "/ping"},
		{name: "health", method: "GET", path: "/health"},
		{name: "version", method: "GET", path: "/version"},
		{name: "another method", method: "GET", path: "/invocations"},
		{name: "another method of ping", method: "POST", path: "/ping"},
		{
			name:        "no content type",
			path:        "/invocations",
			contentType: "none",
			differs:     &difference{500, 415},
		}, // a defect of MLflow
	}
}

// oneFeature returns a dataset with one feature, x.
func oneFeature() []byte {
	var b strings.Builder
	b.WriteString("x,side\n")
	for i := range 100 {
		fmt.Fprintf(&b, "%d.5,%s\n", i, map[bool]string{true: "low", false: "high"}[i < 50])
	}
	return []byte(b.String())
}

// oneFeatureRequests returns requests that mean something else when the model has only one column.
func oneFeatureRequests() []scoringRequest {
	requests := []scoringRequest{}
	for _, body := range []string{
		`{"inputs":[1,60.5]}`, `{"inputs":["1",true]}`, `{"inputs":[]}`, `{"inputs":{"x":[1,60]}}`, `{"inputs":[{"x":1}]}`,
		`{"inputs":[[1],[60]]}`, `{"inputs":1}`, `{"inputs":["abc"]}`, `{"inputs":[{"x":1},1]}`, `{"inputs":[1,{}]}`,
		`{"instances":[1,60.5]}`, `{"instances": [ "1"]}`, `{"instances":[]}`, `{"instances":[{"x":1}]}`,
		`{"instances":[[1],[60]]}`, `{"instances":1}`, `{"instances":["abc"]}`, `{"instances":[{"x":1},1]}`,
		`{"dataframe_records":[1,60]}`, `{"dataframe_split":{"columns":["x"],"data":[[1]]}}`,
	} {
		requests = append(
			requests,
			scoringRequest{name: body, path: "/invocations", contentType: "application/json", body: body},
		)
	}
	return append(
		requests,
		scoringRequest{name: "csv, empty lines", path: "/invocations", contentType: "text/csv", body: "x\n1\n\n60\n"},
		scoringRequest{
			name:        "differs: null",
			path:        "/invocations",
			contentType: "application/json",
			body:        `{"instances":[1,null]}`,
			differs:     missing,
		},
		scoringRequest{
			name:        "differs: an empty cell",
			path:        "/invocations",
			contentType: "text/csv",
			body:        "x\n1\n\"\"\n",
			differs:     missing,
		},
		scoringRequest{
			name:        "differs: then an array",
			path:        "/invocations",
			contentType: "application/json",
			body:        `{"inputs":[1,[1]]}`,
			differs:     otherCode,
		},
	)
}

// scoringRequests returns good and bad requests to the model of the case.
func (c interopCase) scoringRequests() []scoringRequest {
	quoted := func(v any) string { return string(encodeJSON(v)) }
	values := func(row int, change ...string) []string { // change is a column and its new value
		list := make([]string, len(c.Features))
		for i := range list {
			list[i] = quoted(c.Rows[row][i])
			if len(change) > 0 && c.Features[i] == change[0] {
				list[i] = change[1]
			}
		}
		return list
	}
	row := func(of int, change ...string) string { return "[" + strings.Join(values(of, change...), ",") + "]" }
	record := func(of int, change ...string) string {
		members := []string{}
		for i, v := range values(of, change...) {
			if v != "" {
				members = append(members, quoted(c.Features[i])+":"+v)
			}
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	names := quoted(c.Features)
	first, last := c.Features[0], c.Features[len(c.Features)-1]
	reversed := slices.Clone(c.Features)
	slices.Reverse(reversed)
	reversedRow := slices.Clone(c.Rows[0])
	slices.Reverse(reversedRow)
	columns := func(rows []int, change ...string) string {
		members := []string{}
		for i, feature := range c.Features {
			list := []string{}
			for _, r := range rows {
				list = append(list, quoted(c.Rows[r][i]))
			}
			member := "[" + strings.Join(list, ",") + "]"
			if len(change) > 0 && feature == change[0] {
				member = change[1]
			}
			if member != "" {
				members = append(members, quoted(feature)+":"+member)
			}
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	other := len(c.Rows) - 1
	split := func(columns, data, more string) string {
		return `{"dataframe_split":{"columns":` + columns + `,"data":` + data + more + `}}`
	}
	records := func(list string) string { return `{"dataframe_records":[` + list + `]}` }
	header := strings.Join(c.Features, ",")
	line := func(of int, change ...string) string { return strings.Join(values(of, change...), ",") + "\n" }
	withExtra := func(object, member string) string { return "{" + member + "," + object[1:] }

	allRows := quoted(map[string]any{"columns": c.Features, "data": c.Rows})
	otherOrder := quoted([]map[string]float64{byName(c.Features, c.Rows[0])})
	good := map[string]string{
		"records":                    records(record(0) + "," + record(other)),
		"all rows":                   `{"dataframe_split":` + allRows + "}",
		"records, another order":     `{"dataframe_records":` + otherOrder + "}",
		"records, more columns":      records(withExtra(record(0), `"foo":{"a":[1,null,"x"]}`)),
		"records, one name twice":    records(withExtra(record(0), quoted(first)+":-1")),
		"records, an int":            records(record(0, first, "3")),
		"records, a large int":       records(record(0, first, "123456789")),
		"records, a number as text":  records(record(0, first, `" 3.5 "`)),
		"records, true":              records(record(0, first, "true")),
		"records, negative":          records(record(0, first, "-1")),
		"params":                     `{"dataframe_records":[` + record(0) + `],"params":{"a":[1]}}`,
		"params null":                `{"dataframe_records":[` + record(0) + `],"params":null}`,
		"another key":                `{"dataframe_records":[` + record(0) + `],"foo":1}`,
		"split":                      split(names, "["+row(0)+","+row(other)+"]", ""),
		"split, index":               split(names, "["+row(0)+","+row(other)+"]", `,"index":["a","b"]`),
		"split, index null":          split(names, "["+row(0)+"]", `,"index":null`),
		"split, reversed":            split(quoted(reversed), quoted([][]float64{reversedRow}), ""),
		"split, data first":          `{"dataframe_split":{"data":[` + row(0) + `],"columns":` + names + `}}`,
		"split, more columns":        split(`["foo",`+names[1:], `[["x",`+row(0)[1:]+"]", ""),
		"split, more columns twice":  split(`["foo","foo",`+names[1:], `[["x",1,`+row(0)[1:]+"]", ""),
		"split, names that are none": split(`[3,null,`+names[1:], `[["x",1,`+row(0)[1:]+"]", ""),
		"split, no rows":             split(names, "[]", ""),
		"instances":                  `{"instances":[` + record(0) + "," + record(other) + `]}`,
		"instances, more columns":    `{"instances":[` + withExtra(record(0), `"foo":"x"`) + `]}`,
		"instances, text":            `{"instances":[` + record(0, first, `"3.5"`) + `]}`,
		"instances of columns":       `{"instances":` + columns([]int{0, other}) + `}`,
		"instances, one row":         `{"instances":` + record(0) + `}`,
		"inputs":                     `{"inputs":` + columns([]int{0, other}) + `}`,
		"inputs, text":               `{"inputs":` + columns([]int{0}, first, `["3.5"]`) + `}`,
		"inputs, more columns":       `{"inputs":` + withExtra(columns([]int{0}), `"foo":["x"]`) + `}`,
		"inputs, one value for all":  `{"inputs":` + columns([]int{0, other}, first, "3.5") + `}`,
		"inputs, one row":            `{"inputs":` + record(0) + `}`,
		"inputs, no rows":            `{"inputs":` + columns(nil) + `}`,
		"inputs of records":          `{"inputs":[` + record(0) + "," + record(other) + `]}`,
		"the form twice":             `{"inputs":[],"inputs":[` + record(0) + `]}`,
		"a byte order mark":          "\ufeff" + records(record(0)),
	}
	bad := map[string]string{
		"an empty body":                 "",
		"broken JSON":                   `{"dataframe_records":[`,
		"text after it":                 records(record(0)) + "x",
		"invalid UTF-8":                 "{\"dataframe_records\":[{\"\xff\":1}]}",
		"null":                          "null",
		"a number":                      "3",
		"a list":                        "[" + record(0) + "]",
		"an empty object":               "{}",
		"no form":                       record(0),
		"two forms":                     `{"inputs":[],"instances":[]}`,
		"two frames":                    `{"dataframe_split":{"columns":[],"data":[]},"dataframe_records":[]}`,
		"a chat":                        `{"messages":[]}`,
		"a prompt beside rows":          `{"prompt":"x","instances":[` + record(0) + `]}`,
		"records, an object":            `{"dataframe_records":` + record(0) + `}`,
		"records, null":                 `{"dataframe_records":null}`,
		"records, text":                 `{"dataframe_records":"x"}`,
		"records, none":                 records(""),
		"records, rows":                 records(row(0)),
		"records, numbers":              records("1,2"),
		"records, then a number":        records(record(0) + ",3"),
		"records, then null":            records(record(0) + ",null"),
		"records, an empty one":         records("{}"),
		"records, a column missing":     records(record(0, last, "")),
		"records, text for a number":    records(record(0, first, `"abc"`)),
		"records, empty text":           records(record(0, first, `""`)),
		"records, an array":             records(record(0, first, "[1]")),
		"records, an object in one":     records(record(0, first, `{"a":1}`)),
		"split, an array":               `{"dataframe_split":[` + row(0) + `]}`,
		"split, null":                   `{"dataframe_split":null}`,
		"split, no data":                `{"dataframe_split":{"columns":` + names + `}}`,
		"split, no columns":             `{"dataframe_split":{"data":[` + row(0) + `]}}`,
		"split, columns null":           split("null", "["+row(0)+"]", ""),
		"split, columns text":           split(`"abc"`, "["+row(0)+"]", ""),
		"split, another key":            split(names, "["+row(0)+"]", `,"foo":1`),
		"split, a column missing":       split(quoted(c.Features[1:]), "[["+strings.Join(values(0)[1:], ",")+"]]", ""),
		"split, a column missing, none": split(quoted(c.Features[1:]), "[]", ""),
		"split, a feature twice":        split(`[`+quoted(first)+`,`+names[1:], "[[1,"+row(0)[1:]+"]", ""),
		"split, a short row":            split(names, "[["+strings.Join(values(0)[1:], ",")+"]]", ""),
		"split, a long row":             split(names, "["+row(0)+",[1,"+row(0)[1:]+"]", ""),
		"split, a flat row":             split(names, row(0), ""),
		"split, data text":              split(names, `"abc"`, ""),
		"split, a row that is null":     split(names, "["+row(0)+",null]", ""),
		"split, text for a number":      split(names, "["+row(0, first, `"abc"`)+"]", ""),
		"split, an array for a number":  split(names, "["+row(0, first, "[1]")+"]", ""),
		"split, too many labels":        split(names, "["+row(0)+","+row(0)+"]", `,"index":[1,2,3]`),
		"split, a number for an index":  split(names, "["+row(0)+"]", `,"index":3`),
		"instances, none":               `{"instances":[]}`,
		"instances, null":               `{"instances":null}`,
		"instances, a number":           `{"instances":3}`,
		"instances, text":               `{"instances":"abc"}`,
		"instances, rows":               `{"instances":[` + row(0) + `]}`,
		"instances, a flat row":         `{"instances":` + row(0) + `}`,
		"instances, a column missing":   `{"instances":[` + record(0, last, "") + `]}`,
		"instances, one incomplete":     `{"instances":[` + record(0) + "," + record(0, last, "") + `]}`,
		"instances, then a number":      `{"instances":[` + record(0) + `,3]}`,
		"instances, an array for one":   `{"instances":[` + record(0, first, "[1]") + `]}`,
		"instances, an object for one":  `{"instances":[` + record(0, first, `{"a":1}`) + `]}`,
		"instances, two lengths":        `{"instances":` + columns([]int{0, other}, last, "[1]") + `}`,
		"inputs, none":                  `{"inputs":[]}`,
		"inputs, no columns":            `{"inputs":{}}`,
		"inputs, null":                  `{"inputs":null}`,
		"inputs, rows":                  `{"inputs":[` + row(0) + `]}`,
		"inputs, a flat row":            `{"inputs":` + row(0) + `}`,
		"inputs, a column missing":      `{"inputs":` + columns([]int{0}, last, "") + `}`,
		"inputs, two lengths":           `{"inputs":` + columns([]int{0, other}, last, "[1]") + `}`,
		"inputs, another is longer":     `{"inputs":` + withExtra(columns([]int{0}), `"foo":[1,2]`) + `}`,
		"inputs, nested":                `{"inputs":` + columns([]int{0}, first, "[[1]]") + `}`,
		"inputs, text for a number":     `{"inputs":` + columns([]int{0}, first, `["abc"]`) + `}`,
		"inputs of records, a number":   `{"inputs":[` + record(0) + `,3]}`,
	}
	tables := map[string]string{
		"csv":                       header + "\n" + line(0) + line(other),
		"csv, CRLF":                 strings.ReplaceAll(header+"\n"+line(0), "\n", "\r\n"),
		"csv, no last line feed":    header + "\n" + strings.TrimSpace(line(0)),
		"csv, empty lines":          "\n" + header + "\n\n" + line(0) + "\n",
		"csv, a byte order mark":    "\ufeff" + header + "\n" + line(0),
		"csv, more columns":         `"foo",` + header + "\n\"a,\n\"\"b\"," + line(0),
		"csv, a numbered index":     "," + header + "\n0," + line(0),
		"csv, a feature twice":      header + "," + first + "\n" + strings.TrimSpace(line(0)) + ",1\n",
		"csv, quotes":               header + "\n\"3.5\"" + line(0)[strings.Index(line(0), ","):],
		"csv, blanks":               header + "\n" + strings.ReplaceAll(line(0), ",", " , "),
		"csv, forms of a number":    header + "\n" + line(0, first, "+.5E1"),
		"csv, true":                 header + "\n" + line(0, first, "True"),
		"csv, no rows":              header + "\n",
		"csv, empty":                "",
		"csv, only a line feed":     "\n",
		"csv, invalid UTF-8":        header + ",\xff\n" + line(0),
		"csv, no header":            line(0),
		"csv, a column missing":     strings.Join(c.Features[1:], ",") + "\n" + strings.Join(values(0)[1:], ",") + "\n",
		"csv, blanks in the header": strings.Replace(header, ",", ", ", 1) + "\n" + line(0),
		"csv, text for a number":    header + "\n" + line(0, first, "abc"),
		"csv, an open quote":        header + "\n\"" + line(0),
		"csv, a long row":           header + "\n" + line(0) + "1," + line(0),
		"csv, semicolons":           strings.ReplaceAll(header+"\n"+line(0), ",", ";"),
		"csv, hexadecimal":          header + "\n" + line(0, first, "0x10"),
	}
	requests := []scoringRequest{}
	for _, list := range []map[string]string{good, bad} {
		for _, name := range slices.Sorted(maps.Keys(list)) {
			requests = append(
				requests,
				scoringRequest{name: name, path: "/invocations", contentType: "application/json", body: list[name]},
			)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		requests = append(
			requests,
			scoringRequest{name: name, path: "/invocations", contentType: "text/csv", body: tables[name]},
		)
	}
	for _, contentType := range []string{
		"application/json; charset=utf-8", "application/json;charset=UTF-8", " application/json ",
		"application/json; charset=latin1", "application/json; charset=us-ascii", `application/json; charset="utf-8"`,
		"application/json;", "application/json; format=pandas-split", "Application/JSON",
		"text/plain", "application/x-www-form-urlencoded", "",
	} {
		requests = append(
			requests,
			scoringRequest{
				name:        "type " + contentType,
				path:        "/invocations",
				contentType: contentType,
				body:        records(record(0)),
			},
		)
	}
	// Missing or non-finite values, and values that only pandas understands.
	for name, d := range map[string]struct {
		body, contentType string
		differs           *difference
	}{
		"null":                        {records(record(0, first, "null")), "", missing},
		"NaN":                         {records(record(0, first, "NaN")), "", missing},
		"Infinity":                    {records(record(0, first, "Infinity")), "", missing},
		"1e999":                       {records(record(0, first, "1e999")), "", missing},
		"NaN as text":                 {records(record(0, first, `"nan"`)), "", missing},
		"null in a split":             {split(names, "["+row(0, last, "null")+"]", ""), "", missing},
		"null in inputs":              {`{"inputs":` + columns([]int{0}, last, "[null]") + `}`, "", missing},
		"null for inputs of a column": {`{"inputs":` + columns([]int{0}, last, "null") + `}`, "", missing},
		"null in instances":           {`{"instances":[` + record(0, last, "null") + `]}`, "", missing},
		"an incomplete record":        {records(record(0) + "," + record(0, last, "")), "", missing},
		"an incomplete input":         {`{"inputs":[` + record(0) + "," + record(0, last, "") + `]}`, "", missing},
		"an incomplete row":           {split(names, "["+row(0)+",["+strings.Join(values(0)[1:], ",")+"]]", ""), "", missing},
		"an empty cell":               {header + "\n" + line(0, first, ""), "text/csv", missing},
		"NA":                          {header + "\n" + line(0, first, "NA"), "text/csv", missing},
		"a short line":                {header + "\n" + strings.Join(values(0)[1:], ",") + "\n", "text/csv", missing},
		"inf in a csv":                {header + "\n" + line(0, first, "inf"), "text/csv", missing},
		"a long first line":           {header + "\n1," + line(0), "text/csv", guessed}, // pandas makes it an index
		"a quote within a cell":       {"foo," + header + "\na\"b," + line(0), "text/csv", guessed},
		"data of records":             {split(names, "["+record(0)+"]", ""), "", guessed},
		"data of columns":             {split(names, columns([]int{0}), ""), "", guessed},
		"data null":                   {split(names, "null", ""), "", guessed},
		"one row, two labels":         {split(names, "["+row(0)+"]", `,"index":[1,2]`), "", guessed},
		"underscores":                 {records(record(0, first, `"1_0"`)), "", guessed},
		"the first is incomplete":     {`{"instances":[` + record(0, last, "") + "," + record(0) + `]}`, "", otherCode},
		"text for instances":          {`{"instances":["a"]}`, "", otherCode},
		"Parquet":                     {"x", "application/vnd.apache.parquet", &difference{400, 415}},
	} {
		if d.contentType == "" {
			d.contentType = "application/json"
		}
		requests = append(
			requests,
			scoringRequest{
				name:        "differs: " + name,
				path:        "/invocations",
				contentType: d.contentType,
				body:        d.body,
				differs:     d.differs,
			},
		)
	}
	return requests
}

func byName(features []string, row []float64) map[string]float64 {
	values := map[string]float64{}
	for i, feature := range features {
		values[feature] = row[i]
	}
	return values
}

func encodeJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // cannot happen: v holds only numbers and names
	}
	return b
}

// send sends the request to a server.
func (r scoringRequest) send(t *testing.T, server, path string) answer {
	t.Helper()
	method := r.method
	if method == "" {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(t.Context(), method, server+path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	if r.contentType != "none" {
		request.Header["Content-Type"] = []string{r.contentType}
	}
	request.Close = true // MLflow closes the connection after an internal error
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, body}
}

// compareAnswers compares status, type, and the part of the body that clients read.
func compareAnswers(t *testing.T, got, want answer) {
	t.Helper()
	if got.status != want.status || got.header.Get("Content-Type") != want.header.Get("Content-Type") {
		t.Fatalf(
			"Iris %d %s: %s\nMLflow %d %s: %s",
			got.status,
			got.header.Get("Content-Type"),
			got.body,
			want.status,
			want.header.Get("Content-Type"),
			want.body,
		)
	}
	var gotBody, wantBody any
	if json.Unmarshal(want.body, &wantBody) != nil {
		if len(got.body) == 0 || want.status == 200 && !bytes.Equal(got.body, want.body) {
			t.Errorf("Iris says %q, MLflow %q", got.body, want.body)
		}
		return
	}
	if err := json.Unmarshal(got.body, &gotBody); err != nil {
		t.Fatalf("Iris says %s: %v", got.body, err)
	}
	if fault, ok := wantBody.(map[string]any); ok && fault["message"] != nil {
		said := gotBody.(map[string]any)
		delete(fault, "stack_trace") // Iris does not send one
		if said["message"] == "" {
			t.Error("Iris says no message")
		}
		fault["message"] = said["message"]
	}
	if difference := differ("", gotBody, wantBody); difference != "" {
		t.Errorf("%s\nIris %s\nMLflow %.1000s", difference, got.body, want.body)
	}
}

// differ says where two values differ. Numbers differ by more than 1e-6.
func differ(at string, got, want any) string {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok || !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) {
			return at + ": other keys"
		}
		for key := range want {
			if d := differ(at+"/"+key, got[key], want[key]); d != "" {
				return d
			}
		}
		return ""
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			return at + ": another length"
		}
		for i := range want {
			if d := differ(fmt.Sprintf("%s/%d", at, i), got[i], want[i]); d != "" {
				return d
			}
		}
		return ""
	case float64:
		if got, ok := got.(float64); ok && math.Abs(got-want) <= 1e-6 {
			return ""
		}
	case string, bool, nil:
		if got == want {
			return ""
		}
	}
	return fmt.Sprintf("%s: %v, want %v", at, got, want)
}

var uvicornRuns = regexp.MustCompile(`Uvicorn running on (http://[0-9.:]+)`)

// serveModel runs `mlflow models serve` until the test ends. The server chooses its port and prints it.
func serveModel(t *testing.T, python, tracking, uri string) (url string) {
	t.Helper()
	began := time.Now()
	// MLflow starts uvicorn by name, and the environment's own may refer to a folder that was renamed.
	programs := t.TempDir()
	program := []byte("#!/bin/sh\nexec '" + python + "' -m uvicorn \"$@\"\n")
	if err := os.WriteFile(filepath.Join(programs, "uvicorn"), program, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(
		t.Context(),
		python,
		"-m",
		"mlflow",
		"models",
		"serve",
		"-m",
		uri,
		"--env-manager",
		"local",
		"--host",
		"127.0.0.1",
		"--port",
		"0",
	)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(),
		"PATH="+programs+string(os.PathListSeparator)+os.Getenv("PATH"), "UVICORN_PORT=0", "PYTHONUNBUFFERED=1",
		"MLFLOW_TRACKING_URI="+tracking, "MLFLOW_DISABLE_TELEMETRY=true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR=false",
		"NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it starts another process
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = in.Close() // the child has its own copy
	read := make(chan struct{})
	t.Cleanup(func() {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
		_ = cmd.Wait() // the error says that it was killed
		<-read
		_ = out.Close()
	})
	running := make(chan string, 1)
	var said bytes.Buffer
	go func() {
		defer close(read)
		defer close(running)
		found := false
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if match := uvicornRuns.FindStringSubmatch(lines.Text()); match != nil && !found {
				found = true
				running <- match[1]
			}
			if !found {
				said.WriteString(lines.Text() + "\n")
			}
		}
	}()
	url, ok := <-running
	if !ok {
		t.Fatalf("mlflow models serve ended:\n%s", said.Bytes())
	}
	t.Logf("mlflow %s serves %s after %s", deploy.MLflowVersion(), uri, time.Since(began).Round(100*time.Millisecond))
	return url
}
