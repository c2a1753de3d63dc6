package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"iris/internal/app"
	"iris/internal/dataset"
	"iris/internal/scores"
	"iris/internal/testenv"
	"iris/workflows"
)

// customer is a row of the iris data with a key column, for files of every format.
type customer struct {
	ID          string  `json:"id" parquet:"id"`
	SepalLength float64 `json:"sepal_length" parquet:"sepal_length"`
	SepalWidth  float64 `json:"sepal_width" parquet:"sepal_width"`
	PetalLength float64 `json:"petal_length" parquet:"petal_length"`
	PetalWidth  float64 `json:"petal_width" parquet:"petal_width"`
}

// customers repeats the iris flowers, each with a key that a CSV must quote.
func customers(t *testing.T, times int) []customer {
	t.Helper()
	known := dataset.Iris()
	table, _, err := dataset.Read(bytes.NewReader(dataset.IrisCSV()), dataset.ScanOptions{Known: &known})
	if err != nil {
		t.Fatal(err)
	}
	var all []customer
	for range times {
		for i := range table.Rows() {
			x := table.Row(i)
			all = append(all, customer{fmt.Sprintf("customer \"%d\", Köln", len(all)), x[0], x[1], x[2], x[3]})
		}
	}
	return all
}

// file writes rows in a format and returns its media type.
func file(t *testing.T, format scores.Format, rows []customer) (data []byte, mediaType string) {
	t.Helper()
	var out bytes.Buffer
	switch format {
	case scores.CSV:
		out.WriteString("id,sepal_length,sepal_width,petal_length,petal_width\n")
		for _, row := range rows {
			fmt.Fprintf(
				&out,
				"\"%s\",%v,%v,%v,%v\n",
				strings.ReplaceAll(row.ID, `"`, `""`),
				row.SepalLength,
				row.SepalWidth,
				row.PetalLength,
				row.PetalWidth,
			)
		}
		return out.Bytes(), "text/csv"
	case scores.JSONL:
		encoder := json.NewEncoder(&out)
		for _, row := range rows {
			if err := encoder.Encode(row); err != nil {
				t.Fatal(err)
			}
		}
		return out.Bytes(), "application/jsonl"
	default:
		if err := parquet.Write(&out, rows); err != nil {
			t.Fatal(err)
		}
		return out.Bytes(), "application/vnd.apache.parquet"
	}
}

// scored is a row of results in the form of the pages.
type scored struct {
	Keys          map[string]string  `json:"keys"`
	Label         string             `json:"label"`
	Probabilities map[string]float64 `json:"probabilities"`
}

// pages reads the results page by page.
func (s *iris) pages(location string, size int) (rows []scored) {
	s.t.Helper()
	for token := ""; ; {
		var page struct {
			Rows  []scored `json:"rows"`
			Total int      `json:"total"`
			Next  string   `json:"next_page_token"`
		}
		s.call(http.MethodGet, fmt.Sprintf("%s/rows?page_size=%d&page_token=%s", location, size, token), "", nil).
			want(s.t, http.StatusOK, &page)
		rows = append(rows, page.Rows...)
		if token = page.Next; token == "" {
			if page.Total != len(rows) {
				s.t.Errorf("total %d, and %d rows in all pages", page.Total, len(rows))
			}
			return rows
		}
	}
}

// A batch reads a file of each format and returns its scores in each: as pages, as one file, and by a link to the
// store.
func TestBatchFiles_everyFormatInAndOut(t *testing.T) {
	s := startWith(t, func(c *app.Config) {
		c.S3.PublicEndpoint = "http://" + strings.Replace(c.S3.Endpoint, "127.0.0.1", "localhost", 1)
	})
	const model = "flowers-in-files"
	s.train(workflows.TrainingInput{Model: model, DatasetURI: s.put("given/flowers-in-files.csv", dataset.IrisCSV())})
	if err := s.Cache.Refresh(t.Context(), model); err != nil {
		t.Fatal(err)
	}
	rows := customers(t, 100)
	var first []scored
	for i, test := range []struct{ in, out scores.Format }{
		{scores.CSV, scores.Parquet}, {scores.JSONL, scores.CSV}, {scores.Parquet, scores.JSONL},
	} {
		t.Run(fmt.Sprintf("%s to %s", test.in, test.out), func(t *testing.T) {
			data, mediaType := file(t, test.in, rows)
			bad := 0
			if test.in != scores.Parquet { // a column of doubles has no bad cell
				bad = 1
				data = append(
					data,
					map[scores.Format]string{scores.CSV: "odd,1,2,x,4\n", scores.JSONL: `{"id":"odd"}` + "\n"}[test.in]...)
			}
			var batch task
			answer := s.call(
				http.MethodPost,
				"/"+model+"/predict/batch?key_columns=id&output="+string(test.out),
				mediaType,
				data,
			)
			answer.want(t, http.StatusAccepted, &batch)
			location := answer.header.Get("Location")
			if err := s.await(batch.ID, nil); err != nil {
				t.Fatal(err)
			}
			paged := s.pages(location, 4_000)
			if len(paged) != len(rows) || paged[7].Keys["id"] != rows[7].ID || paged[7].Label != "setosa" ||
				len(paged[7].Probabilities) != 3 {
				t.Fatalf("%d rows in the pages, one is %+v; want %d with their keys", len(paged), paged[7], len(rows))
			}
			if i == 0 {
				first = paged
			}
			for j := range paged {
				if paged[j].Label != first[j].Label || paged[j].Keys["id"] != first[j].Keys["id"] {
					t.Fatalf("row %d is %+v, and was %+v in another format", j, paged[j], first[j])
				}
			}
			got := s.call(http.MethodGet, location, "", nil)
			if got.status != http.StatusOK || got.header.Get("Iris-Rows-Failed") != fmt.Sprint(bad) {
				t.Errorf(
					"the results lead to %d with Iris-Rows-Failed %q, want the file and %d",
					got.status,
					got.header.Get("Iris-Rows-Failed"),
					bad,
				)
			}
			output := s.call(http.MethodGet, location+"/output", "", nil)
			wantOutput(t, output.body, test.out, paged)

			var links struct {
				Output struct{ URL string } `json:"output"`
			}
			s.call(http.MethodGet, location+"/links", "", nil).want(t, http.StatusOK, &links)
			linked := get(t, links.Output.URL)
			if !strings.HasPrefix(links.Output.URL, "http://localhost:") || !bytes.Equal(linked, output.body) {
				t.Errorf("%d bytes at %s, want the %d of the output", len(linked), links.Output.URL, len(output.body))
			}
			errors := s.call(http.MethodGet, location+"/errors", "", nil)
			if bad == 0 {
				errors.want(t, http.StatusNotFound, nil)
			} else if lines := strings.Split(string(errors.body), "\n"); len(lines) != 3 ||
				lines[0] != "line,column,reason" ||
				!strings.HasPrefix(lines[1], fmt.Sprint(bytes.Count(data, []byte("\n")))) {
				t.Errorf("the errors are %q, want the last line", errors.body)
			}
			var manifest struct {
				State        string `json:"state"`
				Rows, Failed int
				Format       scores.Format `json:"format"`
			}
			s.call(http.MethodGet, location+"/manifest", "", nil).want(t, http.StatusOK, &manifest)
			if manifest.State != "SUCCESS" || manifest.Rows != len(rows) || manifest.Failed != bad ||
				manifest.Format != test.out {
				t.Errorf("manifest %+v", manifest)
			}
		})
	}
}

// wantOutput fails the test unless a file of results equals the pages.
func wantOutput(t *testing.T, data []byte, format scores.Format, want []scored) {
	t.Helper()
	layout := scores.Layout{
		Format:        format,
		Keys:          []string{"id"},
		Classes:       []string{"setosa", "versicolor", "virginica"},
		Probabilities: true,
	}
	var r *scores.Reader
	var err error
	if format == scores.Parquet {
		r, err = layout.NewParquetReader(bytes.NewReader(data), int64(len(data)))
	} else {
		rest, found := bytes.CutPrefix(data, layout.Header())
		if !found {
			t.Fatalf("the file begins with %.80q, want %q", data, layout.Header())
		}
		r, err = layout.NewLineReader(bytes.NewReader(rest))
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // only read from
	var row scores.Row
	n := 0
	for ; ; n++ {
		if err := r.Read(&row); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		label := layout.Classes[row.Label]
		if w := want[n]; row.Keys[0] != w.Keys["id"] || label != w.Label ||
			row.Probabilities[row.Label] != w.Probabilities[label] {
			t.Fatalf("row %d of the file is %+v, want %+v", n, row, w)
		}
	}
	if n != len(want) {
		t.Errorf("%d rows in the file, want %d", n, len(want))
	}
}

// get reads a URL without the client of the test.
func get(t *testing.T, url string) []byte {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v: %s", url, response.StatusCode, err, body)
	}
	return body
}

// startWith is start with changed settings.
func startWith(t *testing.T, change func(*app.Config)) *iris {
	t.Helper()
	a := testenv.All(t)
	c := config(a)
	change(&c)
	return startConfigured(t, a, c)
}
