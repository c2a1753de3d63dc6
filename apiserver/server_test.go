package apiserver

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"iris/internal/champions"
	"iris/internal/objstore"
	"iris/internal/registry"
)

func TestNew_saysWhatIsMissing(t *testing.T) {
	var temporal struct{ client.Client }
	whole := Options{
		Temporal: temporal,
		Store:    new(objstore.Store),
		Registry: new(registry.Registry),
		Cache:    new(champions.Cache),
		Bucket:   "iris",
	}
	if _, err := New(whole); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(*Options){
		"Temporal":     func(o *Options) { o.Temporal = nil },
		"Store":        func(o *Options) { o.Store = nil },
		"Registry":     func(o *Options) { o.Registry = nil },
		"Cache":        func(o *Options) { o.Cache = nil },
		"Bucket":       func(o *Options) { o.Bucket = "" },
		"DefaultModel": func(o *Options) { o.DefaultModel = "tasks" },
		"MaxUpload":    func(o *Options) { o.MaxUpload = -1 },
		"MaxBody":      func(o *Options) { o.MaxBody = -1 },

		"MaxBatchUpload": func(o *Options) { o.MaxBatchUpload = -1 },
		"MaxBatchData":   func(o *Options) { o.MaxBatchData = -1 },
	} {
		t.Run(field, func(t *testing.T) {
			o := whole
			spoil(&o)
			if _, err := New(o); err == nil || !strings.Contains(err.Error(), "Options."+field) {
				t.Errorf("got %v, want an error that names Options.%s", err, field)
			}
		})
	}
}

func TestNew_defaults(t *testing.T) {
	var temporal struct{ client.Client }
	s, err := New(
		Options{
			Temporal: temporal,
			Store:    new(objstore.Store),
			Registry: new(registry.Registry),
			Cache:    new(champions.Cache),
			Bucket:   "iris",
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	if s.DefaultModel != "iris" || s.Namespace != "default" || s.MaxUpload != 1<<30 || s.MaxBody != 32<<20 ||
		s.Logger == nil {
		t.Errorf("defaults are %+v", s.Options)
	}
}

// run starts a server. It returns the address, a function that stops the server, and the result of Run.
func run(t *testing.T, s *Server) (url string, stop context.CancelFunc, returned chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	returned = make(chan error, 1)
	go func() { returned <- s.Run(ctx, l) }()
	return "http://" + l.Addr().String(), cancel, returned
}

// slowRequest sends a request whose body is incomplete, and returns when its handler runs.
func slowRequest(t *testing.T, s *Server, url string) (body *io.PipeWriter, answered chan int) {
	t.Helper()
	entered := make(chan struct{})
	s.router.Path("/slow").HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			w.WriteHeader(http.StatusNoContent)
		}
	})
	sent, body := io.Pipe()
	answered = make(chan int, 1)
	go func() {
		response, err := http.Post(url+"/slow", "text/plain", sent)
		if err != nil {
			answered <- 0
			return
		}
		defer response.Body.Close()
		answered <- response.StatusCode
	}()
	<-entered
	return body, answered
}

func TestRun_finishesWhatIsUnderWay(t *testing.T) {
	a := newAPI(t)
	url, stop, returned := run(t, a.Server)
	body, answered := slowRequest(t, a.Server, url)
	stop()
	body.CloseWithError(nil)
	if got := <-answered; got != http.StatusNoContent {
		t.Errorf("the request under way got status %d", got)
	}
	if err := <-returned; err != nil {
		t.Errorf("Run returned %v", err)
	}
	if _, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), time.Second); err == nil {
		t.Error("the port is still open")
	}
}

func TestRun_cutsOffWhatDoesNotEnd(t *testing.T) {
	a := newAPI(t)
	a.drain = 50 * time.Millisecond
	url, stop, returned := run(t, a.Server)
	body, answered := slowRequest(t, a.Server, url)
	stop()
	if err := <-returned; err != nil {
		t.Errorf("Run returned %v", err)
	}
	body.CloseWithError(errors.New("the other side is gone"))
	if got := <-answered; got != 0 {
		t.Errorf("an incomplete request was answered with status %d", got)
	}
	if !strings.Contains(a.log.String(), "cut off") {
		t.Errorf("nothing was logged: %s", a.log)
	}
}

func TestRun_returnsWhatWentWrong(t *testing.T) {
	a := newAPI(t)
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Run(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run on a closed listener returned %v", err)
	}
}
