package apiserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"iris/apiserver/httpio"
	"iris/internal/dataset"
)

// subject is a server to measure and what to send to it.
type subject struct {
	name, path, body string
	server           func() *http.Server
}

// subjects are the handler of Iris and, for comparison, the least that a server in Go can do with the same body: decode
// it with encoding/json into a struct and write a constant of the length of the answer.
func subjects(tb testing.TB) []subject {
	a := newAPI(tb)
	var all []subject
	for _, name := range []string{dataset.IrisModel, wideModel} {
		features := a.cache.Champion(name).Model.Schema().Features
		path, row := "/"+name+"/predict", exampleOf(features)
		answer := a.do(tb, "POST", path, row)
		if answer.status != http.StatusOK {
			tb.Fatal(answer)
		}
		all = append(
			all,
			subject{name: name + "/iris", path: path, body: row, server: a.httpServer},
			subject{
				name:   name + "/bare",
				path:   path,
				body:   row,
				server: func() *http.Server { return &http.Server{Handler: bare(features, answer.body)} },
			},
		)
	}
	return all
}

// exampleOf returns a row with a number of several digits for each feature.
func exampleOf(features []string) string {
	row := make([]string, len(features))
	for i, name := range features {
		row[i] = fmt.Sprintf("%q:%.4g", name, 1.2345*float64(i+1))
	}
	return "{" + strings.Join(row, ",") + "}"
}

func bare(features []string, answer []byte) http.Handler {
	var fields []reflect.StructField
	for i, name := range features {
		fields = append(fields, reflect.StructField{
			Name: fmt.Sprintf("F%d", i), Type: reflect.TypeFor[float64](), Tag: reflect.StructTag(`json:"` + name + `"`),
		})
	}
	row := reflect.StructOf(fields)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(reflect.New(row).Interface()); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	})
}

// BenchmarkPredict calls the handlers without a connection. It reuses the request and the writer.
func BenchmarkPredict(b *testing.B) {
	for _, s := range subjects(b) {
		b.Run(s.name, func(b *testing.B) {
			c, handler := newCall(s.path, s.body), s.server().Handler
			b.ReportAllocs()
			for b.Loop() {
				c.serve(handler)
			}
			if c.status != http.StatusOK {
				b.Fatal(c.status)
			}
		})
	}
}

// call is a request that can be repeated, and the writer of its answers.
type call struct {
	request *http.Request
	again   http.Request
	body    bytes.Reader
	content []byte
	header  http.Header
	status  int
}

func newCall(path, body string) *call {
	c := &call{content: []byte(body)}
	c.request, _ = http.NewRequestWithContext(context.Background(), "POST", path, http.NoBody)
	c.request.Header["Content-Type"] = httpio.JSONType
	c.request.ContentLength = int64(len(body))
	return c
}

func (c *call) serve(h http.Handler) {
	c.header = http.Header{}
	c.status = http.StatusOK
	c.body.Reset(c.content)
	c.again = *c.request
	c.again.Body = c
	h.ServeHTTP(c, &c.again)
}

func (c *call) Read(p []byte) (int, error)  { return c.body.Read(p) }
func (c *call) Close() error                { return nil }
func (c *call) Header() http.Header         { return c.header }
func (c *call) Write(p []byte) (int, error) { return len(p), nil }
func (c *call) WriteHeader(status int)      { c.status = status }

// SetWriteDeadline implements what http.ResponseController needs of a connection.
func (c *call) SetWriteDeadline(time.Time) error { return nil }

// A prediction may cost three allocations of 600 bytes in all besides those of net/http and gorilla/mux.
func TestPredict_costsLittleMoreThanItsRouter(t *testing.T) {
	a := newAPI(t)
	empty := mux.NewRouter().UseEncodedPath().SkipClean(true)
	empty.Path("/{model}/predict").Methods("POST").HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for _, name := range []string{dataset.IrisModel, wideModel} {
		t.Run(name, func(t *testing.T) {
			c := newCall("/"+name+"/predict", exampleOf(a.cache.Champion(name).Model.Schema().Features))
			allocations, size := cost(func() { c.serve(a.Handler()) })
			if c.status != http.StatusOK {
				t.Fatalf("status %d", c.status)
			}
			routed, routedSize := cost(func() { c.serve(empty) })
			if allocations > routed+3 || size > routedSize+600 {
				t.Errorf(
					"%d allocations of %d bytes, %d of %d of them are the router's: want at most 3 of 600 more",
					allocations,
					size,
					routed,
					routedSize,
				)
			}
		})
	}
}

// cost returns the least that f allocates in 100 calls: sometimes a sync.Pool is empty, or something else allocates
// meanwhile.
func cost(f func()) (allocations, size uint64) {
	allocations, size = math.MaxUint64, math.MaxUint64
	for range 100 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		allocations = min(allocations, after.Mallocs-before.Mallocs)
		size = min(size, after.TotalAlloc-before.TotalAlloc)
	}
	return allocations, size
}
