package apiserver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"iris/apiserver/problem"
	"iris/internal/objstore"
	"iris/internal/scores"
	"iris/workflows"
)

// storedBatch is a batch that has ended, as its worker leaves it.
type storedBatch struct {
	workflows.Manifest
	rows []ScoredRow
}

// putBatch stores a batch whose parts have the given numbers of rows. Temporal does not know it.
func (a *api) putBatch(t testing.TB, id string, layout scores.Layout, failed int64, parts ...int) storedBatch {
	t.Helper()
	ctx := context.Background()
	ext := layout.Format.Extension()
	b := storedBatch{Manifest: workflows.Manifest{
		TaskID:  id,
		State:   string(workflows.Success),
		Model:   "iris",
		Version: "1",
		ModelID: "models:/iris/1",
		Classes: layout.Classes,
		Layout:  layout,
		Input: objstore.Ref{
			Bucket: a.Bucket,
			Key:    objstore.BatchInputKey(id, "csv"),
		},
		DatasetSHA256: strings.Repeat("ab", 32),
		Failed:        failed,
		StartedAt: time.Unix(1e9, 0).
			UTC(),
		FinishedAt: time.Unix(1e9+60, 0).UTC(),
		Timings:    workflows.Timings{Plan: 1, Score: 2, Assemble: 3, RowsPerSecond: 4},
	}}
	var output bytes.Buffer
	output.Write(layout.Header())
	whole := must(layout.NewWriter(&output))
	for shard, n := range parts {
		var out bytes.Buffer
		w := must(layout.NewWriter(&out))
		for range n {
			i := len(b.rows)
			row := ScoredRow{Label: layout.Classes[i%len(layout.Classes)]}
			var keys [][]byte
			for _, key := range layout.Keys {
				text := fmt.Sprintf("%s,\"%d\"\n", key, i)
				keys = append(keys, []byte(text))
				if row.Keys == nil {
					row.Keys = map[string]string{}
				}
				row.Keys[key] = text
			}
			p := make([]float64, len(layout.Classes))
			p[i%len(p)] = float64(i%100) / 100
			if layout.Probabilities {
				row.Probabilities = map[string]float64{}
				for c, class := range layout.Classes {
					row.Probabilities[class] = p[c]
				}
			}
			for _, to := range []*scores.Writer{w, whole} {
				if err := to.Write(keys, i%len(layout.Classes), p); err != nil {
					t.Fatal(err)
				}
			}
			b.rows = append(b.rows, row)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		b.Parts = append(b.Parts, workflows.Part{
			Ref:   must(a.store.Put(ctx, a.Bucket, objstore.BatchPartKey(id, shard, ext), &out, -1, layout.Format.MediaType())),
			Shard: shard, First: b.Rows, Rows: int64(n),
		})
		b.Rows += int64(n)
	}
	if err := whole.Close(); err != nil {
		t.Fatal(err)
	}
	b.Output = must(a.store.Put(ctx, a.Bucket, objstore.BatchOutputKey(id, ext), &output, -1, layout.Format.MediaType()))
	if failed > 0 {
		b.Errors = must(a.store.Put(ctx, a.Bucket, objstore.BatchErrorsKey(id), strings.NewReader(badRows), -1, "text/csv"))
	}
	a.putManifest(t, b.Manifest)
	return b
}

const badRows = "line,column,reason\n3,petal_width,\"\"\"x\"\" is not a finite number\"\n"

func (a *api) putManifest(t testing.TB, m workflows.Manifest) {
	t.Helper()
	must(a.store.PutJSON(context.Background(), a.Bucket, objstore.BatchManifestKey(m.TaskID), m))
}

func (b storedBatch) location() string { return batchLocation(b.Model, b.TaskID) }

func batchLayout(format scores.Format) scores.Layout {
	return scores.Layout{
		Format:        format,
		Keys:          []string{"id", "größe"},
		Classes:       []string{"setosa", "versi\"color", "virginica"},
		Probabilities: true,
	}
}

// contentOf returns the bytes of an object.
func (w *world) contentOf(t testing.TB, ref objstore.Ref) []byte {
	t.Helper()
	object := must(w.store.Get(context.Background(), ref))
	defer object.Close()
	return must(io.ReadAll(object))
}

// allRows reads all pages of a batch.
func (a *api) allRows(t testing.TB, path string, size int) (rows []ScoredRow, pages int) {
	t.Helper()
	token := ""
	for {
		var page BatchRows
		a.do(t, "GET", path+"/rows?page_size="+strconv.Itoa(size)+"&page_token="+token, nil).json(t, 200, &page)
		pages++
		rows = append(rows, page.Rows...)
		if token = page.NextPageToken; token == "" {
			if page.Total != int64(len(rows)) {
				t.Errorf("total %d, want %d", page.Total, len(rows))
			}
			return rows, pages
		}
		if len(page.Rows) != size {
			t.Fatalf("a page of %d rows, want %d", len(page.Rows), size)
		}
	}
}

func wantScored(t testing.TB, got, want []ScoredRow) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].Label != want[i].Label || !maps.Equal(got[i].Keys, want[i].Keys) ||
			!maps.Equal(got[i].Probabilities, want[i].Probabilities) {
			t.Fatalf("row %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestBatchRows_pages(t *testing.T) {
	a := newAPI(t)
	for _, format := range scores.Formats() {
		for _, layout := range []scores.Layout{batchLayout(format), {Format: format, Classes: []string{"a", "b"}}} {
			t.Run(fmt.Sprintf("%s, %d keys", format, len(layout.Keys)), func(t *testing.T) {
				id := fmt.Sprintf("batch-iris-pages-%s-%d", format, len(layout.Keys))
				b := a.putBatch(t, id, layout, 0, 10, 0, 1, 2500, 0)
				for size, wantPages := range map[int]int{7: 359, 100: 26, 2511: 1, 5000: 1} {
					rows, pages := a.allRows(t, b.location(), size)
					wantScored(t, rows, b.rows)
					if pages != wantPages {
						t.Errorf("%d pages of %d rows, want %d", pages, size, wantPages)
					}
				}
				var page BatchRows
				a.do(t, "GET", b.location()+"/rows", nil).json(t, 200, &page)
				wantScored(t, page.Rows, b.rows[:100])
			})
		}
	}
	t.Run("none at all", func(t *testing.T) {
		b := a.putBatch(t, "batch-iris-pages-none", batchLayout(scores.CSV), 2, 0)
		got := a.do(t, "GET", b.location()+"/rows", nil)
		if want := "{\"rows\":[],\"total\":0,\"next_page_token\":\"\"}\n"; string(got.body) != want {
			t.Errorf("got %s, want %s", got.body, want)
		}
	})
	t.Run("of very many", func(t *testing.T) {
		b := a.putBatch(t, "batch-iris-pages-max", scores.Layout{Format: scores.CSV, Classes: []string{"a", "b"}}, 0, 12_000)
		var page BatchRows
		a.do(t, "GET", b.location()+"/rows?page_size=99999999", nil).json(t, 200, &page)
		if len(page.Rows) != 10_000 || page.NextPageToken == "" {
			t.Errorf("%d rows and token %q, want 10000 and one", len(page.Rows), page.NextPageToken)
		}
	})
	t.Run("of a model with very many classes", func(t *testing.T) {
		layout := scores.Layout{Format: scores.Parquet, Probabilities: true}
		for i := range 1000 {
			layout.Classes = append(layout.Classes, strconv.Itoa(i))
		}
		b := a.putBatch(t, "batch-iris-pages-classes", layout, 0, 1001)
		var page BatchRows
		a.do(t, "GET", b.location()+"/rows?page_size=10000", nil).json(t, 200, &page)
		if len(page.Rows) != 1000 || page.NextPageToken == "" {
			t.Errorf("%d rows and token %q, want 1000 and one", len(page.Rows), page.NextPageToken)
		}
	})
}

func TestBatchRows_badParameters(t *testing.T) {
	a := newAPI(t)
	b := a.putBatch(t, "batch-iris-badpage", batchLayout(scores.CSV), 0, 30)
	other := a.putBatch(t, "batch-iris-otherpage", batchLayout(scores.CSV), 0, 30)
	var page BatchRows
	a.do(t, "GET", other.location()+"/rows?page_size=1", nil).json(t, 200, &page)
	token := func(position []byte) string { return "page_token=" + pageToken("rows of "+b.TaskID, position) }
	for query, fault := range map[string]problem.Fault{
		"page_size=-1":                     {Parameter: "page_size"},
		"page_size=many":                   {Parameter: "page_size"},
		"page_size=":                       {Parameter: "page_size"},
		"page_size=1&page_size=2":          {Parameter: "page_size"},
		"page=2":                           {Parameter: "page"},
		"page_token=x":                     {Parameter: "page_token"},
		"page_token=" + page.NextPageToken: {Parameter: "page_token"},
		token(position{part: 0, row: 30}.encode()):                        {Parameter: "page_token"},
		token(position{part: 1}.encode()):                                 {Parameter: "page_token"},
		token(position{offset: 1 << 40}.encode()):                         {Parameter: "page_token"},
		token([]byte{1}):                                                  {Parameter: "page_token"},
		token(bytes.Repeat([]byte{0xff}, 30)):                             {Parameter: "page_token"},
		token([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01\x01")): {Parameter: "page_token"},
	} {
		a.do(t, "GET", b.location()+"/rows?"+query, nil).problem(t, 422).faultAt(t, fault)
	}
}

func FuzzDecodePosition(f *testing.F) {
	parts := []workflows.Part{{Rows: 10, Ref: objstore.Ref{Size: 100}}, {Rows: 3, Ref: objstore.Ref{Size: 7}}}
	f.Add(position{part: 1, row: 2, offset: 6}.encode())
	f.Add([]byte{0xff, 0xff})
	f.Fuzz(func(t *testing.T, token []byte) {
		p, ok := decodePosition(token, parts)
		if !ok {
			return
		}
		if part := parts[p.part]; p.row < 0 || p.row >= part.Rows || p.offset < 0 || p.offset >= part.Ref.Size {
			t.Errorf("%x is taken for %+v", token, p)
		}
		if again, ok := decodePosition(p.encode(), parts); !ok || again != p {
			t.Errorf("%+v becomes %+v", p, again)
		}
	})
}

func TestBatchOutput(t *testing.T) {
	a := newAPI(t)
	for _, format := range scores.Formats() {
		t.Run(string(format), func(t *testing.T) {
			b := a.putBatch(t, "batch-iris-output-"+string(format), batchLayout(format), 1, 20, 30)
			whole := a.contentOf(t, b.Output)
			path := b.location() + "/output"
			got := a.do(t, "GET", path, nil)
			if got.status != 200 || !bytes.Equal(got.body, whole) {
				t.Fatalf("status %d and %d bytes, want %d", got.status, len(got.body), len(whole))
			}
			etag := got.header.Get("ETag")
			for name, want := range map[string]string{
				"Content-Type":        format.MediaType(),
				"Content-Disposition": `attachment; filename="` + b.TaskID + "." + string(format) + `"`,
				"Content-Length":      strconv.Itoa(len(whole)), "Accept-Ranges": "bytes", "Iris-Rows-Failed": "1",
				"Link": "<" + b.location() + `/errors>; rel="errors"`, "ETag": `"` + b.Output.SHA256 + `"`,
			} {
				if got := got.header.Get(name); got != want {
					t.Errorf("%s: %s, want %s", name, got, want)
				}
			}
			head := a.do(t, "HEAD", path, nil)
			if head.status != 200 || len(head.body) != 0 || head.header.Get("Content-Length") != strconv.Itoa(len(whole)) {
				t.Errorf("HEAD: %d, %d bytes, Content-Length %s", head.status, len(head.body), head.header.Get("Content-Length"))
			}
			for _, test := range []struct {
				headers []string
				status  int
				want    []byte
			}{
				{[]string{"Range: bytes=0-9"}, 206, whole[:10]},
				{[]string{"Range: bytes=-7"}, 206, whole[len(whole)-7:]},
				{[]string{"Range: bytes=100-"}, 206, whole[100:]},
				{[]string{"Range: bytes=100-", "If-Range: " + etag}, 206, whole[100:]},
				{[]string{"Range: bytes=100-", `If-Range: "another"`}, 200, whole},
				{[]string{"If-None-Match: " + etag}, 304, nil},
				{[]string{"Range: nonsense"}, 200, whole},
				{[]string{"Range: rows=0-9"}, 200, whole},
				{[]string{"Range: bytes=9-0"}, 416, nil},
			} {
				got := a.do(t, "GET", path, nil, test.headers...)
				if got.status != test.status || test.status < 300 && !bytes.Equal(got.body, test.want) {
					t.Errorf(
						"%v: status %d and %d bytes, want %d and %d",
						test.headers,
						got.status,
						len(got.body),
						test.status,
						len(test.want),
					)
				}
			}
			several := a.do(t, "GET", path, nil, "Range: bytes=0-3,10-12")
			if several.status != 206 || !strings.HasPrefix(several.header.Get("Content-Type"), "multipart/byteranges") ||
				!bytes.Contains(several.body, whole[10:13]) {
				t.Errorf("two ranges: %d %s", several.status, several.header.Get("Content-Type"))
			}
			beyond := a.do(t, "GET", path, nil, "Range: bytes=999999999-")
			beyond.problem(t, 416, strconv.Itoa(len(whole))+" bytes")
			if want := fmt.Sprintf("bytes */%d", len(whole)); beyond.header.Get("Content-Range") != want {
				t.Errorf("Content-Range %q, want %q", beyond.header.Get("Content-Range"), want)
			}
		})
	}
}

func TestBatchOutput_ofAnObjectWithoutAHash(t *testing.T) {
	a := newAPI(t)
	b := a.putBatch(t, "batch-iris-nohash", batchLayout(scores.CSV), 0, 5)
	b.Manifest.Output.SHA256 = ""
	a.putManifest(t, b.Manifest)
	first := a.do(t, "GET", b.location()+"/output", nil).header.Get("ETag")
	if len(first) < 10 || first[0] != '"' {
		t.Errorf("ETag %s, want one", first)
	}
	b.Manifest.FinishedAt = b.Manifest.FinishedAt.Add(time.Second) // the batch ran again
	a.putManifest(t, b.Manifest)
	if second := a.do(t, "GET", b.location()+"/output", nil).header.Get("ETag"); second == first {
		t.Errorf("the ETag of another run is the same, %s", second)
	}
	if err := a.store.Delete(t.Context(), a.Bucket, b.Output.Key); err != nil {
		t.Fatal(err)
	}
	a.do(t, "GET", b.location()+"/output", nil).problem(t, 404, "no longer kept")
}

func TestBatchErrors(t *testing.T) {
	a := newAPI(t)
	b := a.putBatch(t, "batch-iris-errors", batchLayout(scores.CSV), 1, 5)
	got := a.do(t, "GET", b.location()+"/errors", nil)
	if got.status != 200 || string(got.body) != badRows ||
		got.header.Get("Content-Disposition") != `attachment; filename="batch-iris-errors.errors.csv"` {
		t.Errorf("got %v %v", got, got.header)
	}
	got = a.do(t, "GET", b.location()+"/errors", nil, "Range: bytes=0-3")
	if got.status != 206 || string(got.body) != "line" {
		t.Errorf("a range: %v", got)
	}
	good := a.putBatch(t, "batch-iris-noerrors", batchLayout(scores.CSV), 0, 5)
	a.do(t, "GET", good.location()+"/errors", nil).problem(t, 404, "has no bad rows")
}

func TestBatchManifest(t *testing.T) {
	a := newAPI(t)
	b := a.putBatch(t, "batch-iris-manifest", batchLayout(scores.Parquet), 1, 5, 6)
	got := a.do(t, "GET", b.location()+"/manifest", nil)
	var m BatchManifest
	got.json(t, 200, &m)
	if m.TaskID != b.TaskID || m.State != workflows.Success || m.Rows != 11 || m.BadRows != 1 || m.Failed != 1 ||
		m.Format != scores.Parquet ||
		m.Timings != b.Timings ||
		strings.Join(m.Columns, "|") != `id|größe|label|p_setosa|p_versi"color|p_virginica` ||
		m.SHA256 != b.DatasetSHA256 {
		t.Errorf("got %s", got.body)
	}
	if len(m.Parts) != 2 || m.Parts[1] != (BatchPart{First: 5, Rows: 6, Bytes: b.Parts[1].Ref.Size}) {
		t.Errorf("parts %+v", m.Parts)
	}
	if bytes.Contains(got.body, []byte(a.Bucket)) {
		t.Errorf("the manifest tells of the bucket: %s", got.body)
	}
	for _, path := range []string{m.Links.Rows, m.Links.Output, m.Links.Errors, m.Links.Links} {
		if got := a.do(t, "GET", path, nil); got.status != 200 {
			t.Errorf("%s: %v", path, got)
		}
	}
	b.Input = objstore.Ref{Bucket: "lake", Key: "rows/"}
	a.putManifest(t, b.Manifest)
	a.do(t, "GET", b.location()+"/manifest", nil).json(t, 200, &m)
	if m.Input != "s3://lake/rows/" {
		t.Errorf("input %q, want the data_path", m.Input)
	}
}

// The links have the address that clients know, and need no key of the object store.
func TestBatchLinks(t *testing.T) {
	w := theWorld(t)
	elsewhere := strings.Replace(w.addresses.S3, "127.0.0.1", "localhost", 1)
	store := must(objstore.New(objstore.Options{
		Endpoint:       w.addresses.S3,
		AccessKey:      w.addresses.S3AccessKey,
		SecretKey:      w.addresses.S3SecretKey,
		PublicEndpoint: elsewhere,
	}))
	a := newAPI(t, func(o *Options) { o.Store = store })
	for _, format := range scores.Formats() {
		b := a.putBatch(t, "batch-iris-links-"+string(format), batchLayout(format), 1, 20, 30)
		got := a.do(t, "GET", b.location()+"/links", nil)
		var links BatchLinks
		got.json(t, 200, &links)
		if got.header.Get("Cache-Control") != "no-store" {
			t.Error("a cache may keep the links")
		}
		if until := time.Until(links.ExpiresAt); until < 50*time.Minute || until > time.Hour {
			t.Errorf("the links end in %s", until)
		}
		for ref, link := range map[objstore.Ref]*FileLink{b.Output: links.Output, b.Errors: links.Errors} {
			if link == nil || !strings.HasPrefix(link.URL, "http://"+elsewhere+"/") || link.Bytes != ref.Size {
				t.Fatalf("link %+v, want one to %s", link, elsewhere)
			}
			response := must(http.Get(link.URL))
			body := must(io.ReadAll(response.Body))
			if err := response.Body.Close(); err != nil || response.StatusCode != 200 ||
				!bytes.Equal(body, a.contentOf(t, ref)) {
				t.Errorf("%s: status %d, %d bytes, want those of %s", link.URL, response.StatusCode, len(body), ref.Key)
			}
			if response.Header.Get("Content-Type") != link.MediaType ||
				!strings.Contains(response.Header.Get("Content-Disposition"), link.FileName) {
				t.Errorf("the store answers %v", response.Header)
			}
		}
		if links.Parts != nil {
			t.Errorf("links to parts beside the output: %+v", links.Parts)
		}
	}
}

func TestBatchResult_manyRowsAreElsewhere(t *testing.T) {
	a := newAPI(t)
	layout := scores.Layout{Format: scores.CSV, Classes: []string{"a", "b"}, Probabilities: true}
	most := a.putBatch(t, "batch-iris-most", layout, 1, 6_000, 4_000)
	got := a.do(t, "GET", most.location(), nil)
	var rows []BatchRow
	got.json(t, 200, &rows)
	if len(rows) != 10_000 || rows[1].Label != "b" || rows[1].Logits[0][1] != 0.01 {
		t.Errorf("%d rows, the second is %+v", len(rows), rows[1])
	}
	if got.header.Get("Iris-Rows-Failed") != "1" ||
		got.header.Get("Link") != "<"+most.location()+`/errors>; rel="errors"` {
		t.Errorf("the header does not tell of the bad row: %v", got.header)
	}
	more := a.putBatch(t, "batch-iris-more", layout, 0, 6_000, 4_001)
	got = a.do(t, "GET", more.location(), nil)
	if got.status != http.StatusSeeOther || got.header.Get("Location") != more.location()+"/output" ||
		got.header.Get("Iris-Rows-Failed") != "0" {
		t.Errorf("%d rows: %v %v, want a redirect to the output", more.Rows, got, got.header)
	}
}

func TestBatchResult_ofEveryFormat(t *testing.T) {
	a := newAPI(t)
	for _, format := range scores.Formats() {
		b := a.putBatch(t, "batch-iris-list-"+string(format), batchLayout(format), 0, 3, 4)
		var rows []BatchRow
		a.do(t, "GET", b.location(), nil).json(t, 200, &rows)
		if len(rows) != 7 || rows[5].Label != "virginica" || rows[5].Logits[0][2] != 0.05 {
			t.Errorf("%s: %+v", format, rows)
		}
		labels := batchLayout(format)
		labels.Probabilities = false
		b = a.putBatch(t, "batch-iris-labels-"+string(format), labels, 0, 3)
		a.do(t, "GET", b.location(), nil).json(t, 200, &rows)
		if len(rows) != 3 || rows[2].Label != "virginica" || len(rows[2].Logits) != 1 || len(rows[2].Logits[0]) != 0 {
			t.Errorf("%s, labels only: %+v", format, rows)
		}
	}
}

// A cancelled batch has the results that were finished.
func TestBatchResult_cancelledWithResults(t *testing.T) {
	a := newAPI(t)
	for _, format := range scores.Formats() {
		b := a.putBatch(t, "batch-iris-revoked-"+string(format), batchLayout(format), 1, 20, 0, 30)
		b.State, b.Output = string(workflows.Revoked), objstore.Ref{}
		a.putManifest(t, b.Manifest)
		var status BatchStatus
		a.do(t, "GET", b.location(), nil).json(t, 200, &status)
		want := BatchStatus{
			Status:       workflows.Revoked,
			TaskProgress: workflows.TaskProgress{Done: 51, BadRows: 1, Failed: 1, Unit: "rows"},
			Error:        "cancelled", Rows: b.location() + "/rows",
		}
		if status != want {
			t.Errorf("status %+v, want %+v", status, want)
		}
		rows, _ := a.allRows(t, b.location(), 15)
		wantScored(t, rows, b.rows)
		a.do(t, "GET", b.location()+"/output", nil).problem(t, 404, "was cancelled", b.location()+"/rows")
		var m BatchManifest
		a.do(t, "GET", b.location()+"/manifest", nil).json(t, 200, &m)
		if m.State != workflows.Revoked || m.Links.Output != "" {
			t.Errorf("manifest %+v", m)
		}
		var links BatchLinks
		a.do(t, "GET", b.location()+"/links", nil).json(t, 200, &links)
		if links.Output != nil || links.Errors == nil || len(links.Parts) != 2 ||
			links.Parts[1].FileName != b.TaskID+".part-00002."+string(format) {
			t.Errorf("links %+v, want those to the two parts that have rows", links)
		}
	}
	t.Run("that Temporal knows", func(t *testing.T) {
		const id = "batch-iris-revoked-known"
		a.world.start(
			t,
			id,
			workflows.TaskQueue,
			workflows.BatchType,
			workflows.BatchInput{Model: "iris", ModelID: blocks},
			memo("iris"),
		)
		a.await(t, id, enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
		a.do(t, "DELETE", "/tasks/"+id, nil)
		a.wait(t, id)
		b := a.putBatch(t, id, batchLayout(scores.CSV), 0, 3)
		b.State, b.Output = string(workflows.Revoked), objstore.Ref{}
		a.putManifest(t, b.Manifest)
		var status BatchStatus
		a.do(t, "GET", b.location(), nil).json(t, 200, &status)
		if status.Status != workflows.Revoked || status.Error != "cancelled" || status.Rows == "" {
			t.Errorf("status %+v", status)
		}
	})
}

// While a batch has no results, the answer says why.
func TestBatchFiles_notThere(t *testing.T) {
	a := newAPI(t)
	a.world.start(t, "batch-iris-soon", "nobody", workflows.BatchType, workflows.BatchInput{Model: "iris"}, memo("iris"))
	a.world.start(
		t,
		"batch-iris-broke",
		workflows.TaskQueue,
		workflows.BatchType,
		workflows.BatchInput{Model: "iris", ModelID: fails},
		memo("iris"),
	)
	a.wait(t, "batch-iris-broke")
	a.world.start(
		t,
		"batch-iris-stopped",
		workflows.TaskQueue,
		workflows.BatchType,
		workflows.BatchInput{Model: "iris", ModelID: blocks},
		memo("iris"),
	)
	a.await(t, "batch-iris-stopped", enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
	a.do(t, "DELETE", "/tasks/batch-iris-stopped", nil)
	a.wait(t, "batch-iris-stopped")
	must(a.store.PutJSON(t.Context(), a.Bucket, objstore.TaskKey("batch-iris-gone"),
		workflows.Status{TaskID: "batch-iris-gone", Type: workflows.BatchType, Model: "iris", State: workflows.Success}))
	b := a.putBatch(t, "batch-iris-there", batchLayout(scores.CSV), 1, 3)
	for _, file := range []string{"/rows", "/output", "/errors", "/links", "/manifest"} {
		soon := a.do(t, "GET", "/iris/predict/batch/batch-iris-soon"+file, nil)
		soon.problem(t, 409, "has not ended")
		if soon.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		a.do(t, "GET", "/iris/predict/batch/batch-iris-broke"+file, nil).problem(t, 404, "failed and has no results")
		a.do(t, "GET", "/iris/predict/batch/batch-iris-stopped"+file, nil).
			problem(t, 404, "was cancelled before there were results")
		a.do(t, "GET", "/iris/predict/batch/batch-iris-gone"+file, nil).problem(t, 404, "no longer kept")
		a.do(t, "GET", "/iris/predict/batch/batch-iris-none"+file, nil).problem(t, 404, "no task")
		a.do(t, "GET", "/iris/predict/batch/"+strings.Repeat("x", 1200)+file, nil).problem(t, 404, "no task")
		a.do(t, "GET", strings.Replace(b.location(), "iris", "wine", 1)+file, nil).problem(t, 404, "of model wine")
		if got := a.do(t, "GET", strings.TrimPrefix(b.location(), "/iris")+file, nil); got.status != 200 {
			t.Errorf("%s of the default model: %v", file, got)
		}
	}
}

// Another program may start a workflow under any id.
func TestBatchFiles_ofAwkwardNames(t *testing.T) {
	a := newAPI(t)
	b := a.putBatch(t, "a name/with \"all\" of 100%", batchLayout(scores.CSV), 1, 3)
	if !strings.Contains(b.location(), url.PathEscape(b.TaskID)) {
		t.Fatal(b.location())
	}
	rows, _ := a.allRows(t, b.location(), 2)
	wantScored(t, rows, b.rows)
	got := a.do(t, "GET", b.location()+"/output", nil)
	if want := `attachment; filename="a_name_with__all__of_100_.csv"`; got.header.Get("Content-Disposition") != want {
		t.Errorf("Content-Disposition %s, want %s", got.header.Get("Content-Disposition"), want)
	}
}

func TestBatchFiles_storeIsDown(t *testing.T) {
	a := newAPI(t, func(o *Options) {
		o.Store = must(objstore.New(objstore.Options{Endpoint: "127.0.0.1:1", AccessKey: "key", SecretKey: "secret"}))
	})
	for _, file := range []string{"", "/rows", "/output", "/errors", "/links", "/manifest"} {
		a.do(t, "GET", "/iris/predict/batch/batch-iris-any"+file, nil).problem(t, 503)
	}
}

// between is a Temporal client that runs a function before it describes a task.
type between struct {
	client.Client
	happens func()
}

func (b *between) DescribeWorkflowExecution(
	ctx context.Context,
	id, run string,
) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	b.happens()
	return b.Client.DescribeWorkflowExecution(ctx, id, run)
}

// A batch may end after the first look for its manifest. Its results are then not reported as gone.
func TestBatchResult_endsMeanwhile(t *testing.T) {
	temporal := new(between)
	a := newAPI(t, func(o *Options) {
		temporal.Client = o.Temporal
		o.Temporal = temporal
	})
	for _, file := range []string{"", "/rows"} {
		b := a.putBatch(t, "batch-iris-meanwhile", batchLayout(scores.CSV), 0, 2)
		must("", a.store.Delete(t.Context(), a.Bucket, objstore.BatchManifestKey(b.TaskID)))
		must(a.store.PutJSON(t.Context(), a.Bucket, objstore.TaskKey(b.TaskID),
			workflows.Status{TaskID: b.TaskID, Type: workflows.BatchType, Model: "iris", State: workflows.Success}))
		temporal.happens = func() { a.putManifest(t, b.Manifest) }
		got := a.do(t, "GET", b.location()+file, nil)
		if got.status != 200 || !strings.Contains(string(got.body), `"label"`) {
			t.Errorf("%s: %d %s, want the results", file, got.status, got.body)
		}
	}
}
