package chaos

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// disturbed sends a request through a proxy whose first matching request has a fate. It returns the status, 0 for a
// connection that broke, and how often the server was asked by then.
func disturbed(t *testing.T, at dependency, f fate, hook func()) (status int, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = io.WriteString(w, `{"run_id":"`+strings.Repeat("a", 32)+`"}`)
	}))
	t.Cleanup(server.Close)
	p := newProxy(at, server.Listener.Addr().String())
	t.Cleanup(p.close)
	address, err := p.listen(&program{})
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger("model-x")
	l.arm(&rule{point: point{at, "runs/create"}, fate: f, nth: 1, hook: func(*program) { hook() }})
	p.watch(l)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second+slowness)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/api/2.0/mlflow/runs/create",
		strings.NewReader(`{"name":"model-x"}`))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, asked
	}
	_ = response.Body.Close()
	return response.StatusCode, asked
}

func TestProxy_fates(t *testing.T) {
	tests := map[fate]struct {
		status int
		asked  int32 // when the client knows
		hooked bool
	}{
		errorBefore: {status: 500},
		errorAfter:  {status: 500, asked: 1},
		cutBefore:   {},
		cutAfter:    {asked: 1},
		holdBefore:  {},
		holdAfter:   {asked: 1},
		late:        {},
		delay:       {status: 200, asked: 1},
		killBefore:  {hooked: true},
		killAfter:   {asked: 1, hooked: true},
		stopAfter:   {status: 200, asked: 1, hooked: true},
		terminate:   {status: 200, asked: 1, hooked: true},
	}
	for f, want := range tests {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			var hooked atomic.Bool
			status, asked := disturbed(t, mlflowDep, f, func() { hooked.Store(true) })
			if status != want.status || asked.Load() != want.asked || hooked.Load() != want.hooked {
				t.Errorf("status %d, asked %d times, hook %t; want %+v", status, asked.Load(), hooked.Load(), want)
			}
			if f != late {
				return
			}
			for deadline := time.Now().Add(2 * lateness); asked.Load() == 0; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the server is never asked")
				}
			}
		})
	}
}

// A request without a token of the case is not the case's, and later requests are by the ids that it made.
func TestLedger_learns(t *testing.T) {
	l := newLedger("model-x")
	id := "m-" + strings.Repeat("b", 32)
	if l.owns("/x?id="+id, nil) || !l.owns("/x", []byte("…model-x…")) {
		t.Error("a request is the case's if it names the model")
	}
	l.learn([]byte(`{"info": {"model_id": "` + id + `"}}`))
	if !l.owns("/x?id="+id, nil) {
		t.Error("an id that was made is not known")
	}
}

func TestPlainText(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("workflow model-x"))
	_ = z.Close()
	frame := append([]byte{1}, binary.BigEndian.AppendUint32(nil, uint32(packed.Len()))...)
	frame = append(frame, packed.Bytes()...)
	for name, test := range map[string]struct {
		at   dependency
		body []byte
		want string
	}{
		"packed":     {temporalDep, frame, "workflow model-x"},
		"plain":      {temporalDep, []byte("\x00\x00\x00\x00\x01x"), "\x00\x00\x00\x00\x01x"},
		"broken":     {temporalDep, []byte("\x01\x00\x00\x00\x01x"), "\x01\x00\x00\x00\x01x"},
		"not gRPC":   {mlflowDep, []byte("\x01234567"), "\x01234567"},
		"no message": {temporalDep, nil, ""},
	} {
		if got := string(plainText(test.at, test.body)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
