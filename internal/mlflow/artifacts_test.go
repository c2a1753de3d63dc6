package mlflow_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"iris/internal/mlflow"
)

func (w world) artifact(t *testing.T, uri, name string) string {
	t.Helper()
	body := must(w.GetArtifact(t.Context(), uri, name))(t)
	data := must(io.ReadAll(body))(t)
	if err := body.Close(); err != nil {
		t.Error(err)
	}
	return string(data)
}

func TestArtifacts(t *testing.T) {
	w := newWorld(t)
	run := w.run(t)
	logged := w.loggedModel(t, "model", run)
	large := strings.Repeat("0123456789abcdef", 1<<17) // 2 MiB
	for _, test := range []struct {
		name, uri, file, content string
		known                    bool
	}{
		{"of a run", run.ArtifactURI, "metrics.json", `{"accuracy":1}`, true},
		{"replaced", run.ArtifactURI, "metrics.json", `{}`, true},
		{"in a folder", run.ArtifactURI, "plots/confusion matrix.png", "\x89PNG", true},
		{"odd name", run.ArtifactURI, "ü/100% a+b&c=d.txt", "odd", true},
		{"empty", run.ArtifactURI, "empty", "", true},
		{"empty, size not known", run.ArtifactURI, "empty too", "", false},
		{"size not known", run.ArtifactURI, "stream", large, false},
		{"of a logged model", logged.ArtifactURI, "model.json", large, true},
		{"URI with a host", strings.Replace(run.ArtifactURI, ":/", "://localhost:5000/", 1), "host", "x", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			size := int64(-1)
			if test.known {
				size = int64(len(test.content))
			}
			body := strings.NewReader(test.content)
			if err := w.PutArtifact(t.Context(), test.uri, test.file, body, size, "text/plain"); err != nil {
				t.Fatal(err)
			}
			if got := w.artifact(t, test.uri, test.file); got != test.content {
				t.Errorf("read %.80q, want %.80q", got, test.content)
			}
		})
	}
	for _, file := range []string{"none", "plots/none", "none/none", "metrics.json/none"} {
		_, err := w.GetArtifact(t.Context(), run.ArtifactURI, file)
		wantError(t, err, mlflow.ErrNotExist, "get artifact "+file+": does not exist")
	}
	_, err := w.GetArtifact(t.Context(), "mlflow-artifacts:/none", "none")
	wantError(t, err, mlflow.ErrNotExist, "get artifact none")
}

func TestArtifacts_badNames(t *testing.T) {
	c := mlflow.New(mlflow.Options{URL: "http://localhost"})
	for _, test := range []struct{ name, uri, file, want string }{
		{"no name", "mlflow-artifacts:/1/r/artifacts", "", `"" is not a valid artifact name`},
		{"the folder itself", "mlflow-artifacts:/1/r/artifacts", ".", `"." is not a valid artifact name`},
		{"outside the folder", "mlflow-artifacts:/1/r/artifacts", "../../x", `"../../x" is not a valid artifact name`},
		{"absolute", "mlflow-artifacts:/1/r/artifacts", "/x", `"/x" is not a valid artifact name`},
		{"in S3 itself", "s3://mlflow/1/r/artifacts", "x", `does not proxy the artifacts at "s3://mlflow/1/r/artifacts"`},
		{"local", "/tmp/mlruns", "x", "does not proxy the artifacts"},
		{"not a URI", "%", "x", "does not proxy the artifacts"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.GetArtifact(t.Context(), test.uri, test.file)
			wantError(t, err, nil, test.want)
			err = c.PutArtifact(t.Context(), test.uri, test.file, strings.NewReader("x"), 1, "")
			wantError(t, err, nil, test.want)
		})
	}
}

func TestPutArtifact_failingReader(t *testing.T) {
	w := newWorld(t)
	run := w.run(t)
	errReader := errors.New("the disk is on fire")
	for name, size := range map[string]int64{"known": 1 << 20, "not known": -1} {
		t.Run(name, func(t *testing.T) {
			broken := io.MultiReader(bytes.NewReader(make([]byte, 1000)), iotest.ErrReader(errReader))
			err := w.PutArtifact(t.Context(), run.ArtifactURI, "broken", broken, size, "")
			wantError(t, err, errReader, "put artifact broken: the disk is on fire")
			if errors.Is(err, mlflow.ErrUnavailable) {
				t.Errorf("got ErrUnavailable for an error of the reader: %v", err)
			}
			_, err = w.GetArtifact(t.Context(), run.ArtifactURI, "broken")
			wantError(t, err, mlflow.ErrNotExist, "broken")
		})
	}
}

func TestPutArtifact_request(t *testing.T) {
	s := newScript(t, nil)
	for content, length := range map[string]string{"": "0", "abc": "3"} {
		uri, body := "mlflow-artifacts:/1/r/artifacts", strings.NewReader(content)
		if err := s.client.PutArtifact(t.Context(), uri, "a", body, body.Size(), "image/png"); err != nil {
			t.Fatal(err)
		}
		requests := s.received("PUT mlflow-artifacts/artifacts/1/r/artifacts/a")
		last := requests[len(requests)-1]
		if last.header.Get("Content-Length") != length || last.header.Get("Content-Type") != "image/png" ||
			last.body != content {
			t.Errorf("sent %+v, want %q as image/png with length %s", last, content, length)
		}
	}
}

func TestPutArtifact_isSentOnce(t *testing.T) {
	s := newScript(t, map[string][]reply{"PUT mlflow-artifacts/artifacts/1/a": {{http.StatusServiceUnavailable, ""}}})
	err := s.client.PutArtifact(t.Context(), "mlflow-artifacts:/1", "a", strings.NewReader("x"), 1, "")
	wantError(t, err, mlflow.ErrUnavailable, "put artifact a: MLflow answers 503")
	if got := s.count("PUT mlflow-artifacts/artifacts/1/a"); got != 1 {
		t.Errorf("%d requests, want 1: the reader is spent", got)
	}
}

// The server answers as MLflow does if S3 is down, if the file is missing, and in neither case.
func TestGetArtifact_serverErrors(t *testing.T) {
	const file, list = "GET mlflow-artifacts/artifacts/1/r/a", "GET mlflow-artifacts/artifacts"
	internal := reply{
		http.StatusInternalServerError,
		`{"error_code":"INTERNAL_ERROR","message":"(404) when calling HeadObject"}`,
	}
	listed := reply{http.StatusOK, `{"files":[{"path":"b"},{"path":"a"}]}`}
	for _, test := range []struct {
		name      string
		file      []reply
		list      reply
		class     error // nil if the file can be read
		requests  int   // for the file
		wantLists int
	}{
		{"missing", []reply{internal}, reply{200, `{"files":[{"path":"b"}]}`}, mlflow.ErrNotExist, 1, 1},
		{"S3 is down", []reply{internal}, internal, mlflow.ErrUnavailable, 1, 3},
		{"there at the second request", []reply{internal, {200, "content"}}, listed, nil, 2, 1},
		{"there, but the second request fails too", []reply{internal}, listed, mlflow.ErrUnavailable, 2, 1},
		{"refused", []reply{{403, "{}"}}, listed, nil, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScript(t, map[string][]reply{file: test.file, list: {test.list}})
			body, err := s.client.GetArtifact(t.Context(), "mlflow-artifacts:/1/r", "a")
			switch {
			case test.class != nil:
				wantError(t, err, test.class, "get artifact a: ")
			case test.name == "refused":
				wantRefusal(t, err, http.StatusForbidden, "get artifact a: MLflow answers 403 Forbidden")
			default:
				if got := must(io.ReadAll(must(body, err)(t)))(t); string(got) != "content" {
					t.Errorf("read %q, want the content", got)
				}
			}
			if s.count(file) != test.requests || s.count(list) != test.wantLists {
				t.Errorf("%d requests for the file and %d for the list, want %d and %d",
					s.count(file), s.count(list), test.requests, test.wantLists)
			}
		})
	}
}

func TestGetArtifact_connectionBreaksWhileReading(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half of it")
	})
	body := must(c.GetArtifact(t.Context(), "mlflow-artifacts:/1", "a"))(t)
	got, err := io.ReadAll(body)
	wantError(t, err, mlflow.ErrUnavailable, "unexpected EOF")
	if string(got) != "half of it" {
		t.Errorf("read %q before the error, want the bytes that were sent", got)
	}
}

func TestGetArtifact_cancelledWhileReading(t *testing.T) {
	release := make(chan struct{})
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half of it")
		w.(http.Flusher).Flush()
		<-release
	})
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithCancel(t.Context())
	body := must(c.GetArtifact(ctx, "mlflow-artifacts:/1", "a"))(t)
	cancel()
	_, err := io.ReadAll(body)
	wantError(t, err, context.Canceled, "read artifact")
	if errors.Is(err, mlflow.ErrUnavailable) {
		t.Errorf("got ErrUnavailable for a cancelled context: %v", err)
	}
}
