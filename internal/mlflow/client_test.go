package mlflow_test

import (
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"iris/internal/mlflow"
)

// serve returns a client of a server that handler plays.
func serve(t *testing.T, handler http.HandlerFunc) *mlflow.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return mlflow.New(mlflow.Options{URL: server.URL, WriteAttempts: 3})
}

func TestAnswer_isNotMLflows(t *testing.T) {
	for name, answer := range map[string]string{
		"broken":       `{"run":`,
		"HTML":         "<html>Sign in</html>",
		"wrong types":  `{"run":{"info":{"run_id":7}}}`,
		"nothing":      "",
		"not a number": `{"run":{"data":{"metrics":[{"key":"a","value":"x"}]}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, map[string][]reply{"GET runs/get": {{200, answer}}})
			run, err := s.client.GetRun(t.Context(), "r")
			wantError(t, err, nil, "get run r: the answer is not MLflow's: ")
			if errors.Is(err, mlflow.ErrUnavailable) || run.ID != "" {
				t.Errorf("GetRun = %+v, %v; want an error that is not ErrUnavailable", run, err)
			}
			if got := s.count("GET runs/get"); got != 1 {
				t.Errorf("%d requests, want 1", got)
			}
		})
	}
}

func TestAnswer_isCutOff(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"run":`)
	})
	_, err := c.GetRun(t.Context(), "r")
	wantError(t, err, mlflow.ErrUnavailable, "get run r: MLflow is unavailable: unexpected EOF")
}

func TestAnswer_numbersAsStrings(t *testing.T) {
	for name, version := range map[string]string{
		"numbers": `{"model_version":{"version":3,"creation_timestamp":1700000000123}}`,
		"strings": `{"model_version":{"version":"3","creation_timestamp":"1700000000123"}}`,
	} {
		s := newScript(t, map[string][]reply{"GET model-versions/get": {{200, version}}})
		got := must(s.client.GetVersion(t.Context(), "m", "3"))(t)
		if got.Version != "3" || got.Created.UnixMilli() != 1700000000123 {
			t.Errorf("%s: %+v, want version 3 of 1700000000123", name, got)
		}
	}
	for _, bad := range []string{"1.5", `"x"`, "true", "9223372036854775808"} {
		answer := `{"model_version":{"creation_timestamp":` + bad + `}}`
		s := newScript(t, map[string][]reply{"GET model-versions/get": {{200, answer}}})
		_, err := s.client.GetVersion(t.Context(), "m", "3")
		wantError(t, err, nil, bad+" is not an integer")
	}
}

func TestAnswer_metrics(t *testing.T) {
	s := newScript(t, map[string][]reply{"GET runs/get": {{200, `{"run":{"data":{"metrics":[
		{"key":"a","value":1.5},{"key":"b","value":"2.5"},{"key":"c","value":"NaN"},
		{"key":"d","value":"Infinity"},{"key":"e","value":"-Infinity"},{"key":"f","value":1e999}]}}}`}}})
	got := must(s.client.GetRun(t.Context(), "r"))(t).Metrics
	if got["a"] != 1.5 || got["b"] != 2.5 || !math.IsNaN(got["c"]) || !math.IsInf(got["d"], 1) ||
		!math.IsInf(got["e"], -1) || !math.IsInf(got["f"], 1) {
		t.Errorf("metrics %v, want 1.5, 2.5, NaN, +Inf, -Inf and +Inf", got)
	}
}

func TestPages(t *testing.T) {
	const models, versions = "GET registered-models/search", "GET model-versions/search"
	s := newScript(t, map[string][]reply{
		models: {
			{200, `{"registered_models":[{"name":"a","aliases":[{"alias":"champion","version":3}]}],"next_page_token":"two+="}`},
			{200, `{"next_page_token":"three"}`},
			{200, `{"registered_models":[{"name":"b"}],"next_page_token":""}`},
		},
		versions: {
			{200, `{"model_versions":[{"name":"b","version":"1"},{"name":"a","version":"10"}],"next_page_token":"two"}`},
			{200, `{"model_versions":[{"name":"a","version":"9"}]}`},
		},
	})
	all := must(s.client.RegisteredModels(t.Context()))(t)
	if len(all) != 2 || all[0].Name != "a" || all[0].Aliases["champion"] != "3" || all[1].Name != "b" {
		t.Errorf("RegisteredModels = %+v, want a and b", all)
	}
	var tokens []string
	for _, r := range s.received(models) {
		if got := r.query["max_results"]; !slices.Equal(got, []string{"100"}) {
			t.Errorf("requested %q models at once, want 100: MLflow is slow", got)
		}
		tokens = append(tokens, r.query["page_token"]...)
	}
	if want := []string{"", "two+=", "three"}; !slices.Equal(tokens, want) {
		t.Errorf("requested the pages %q, want %q", tokens, want)
	}
	var names []string
	for _, v := range must(s.client.SearchVersions(t.Context(), "name = 'x'"))(t) {
		names = append(names, v.Name+"/"+v.Version)
	}
	if want := []string{"a/9", "a/10", "b/1"}; !slices.Equal(names, want) {
		t.Errorf("SearchVersions = %v, want %v: all pages, sorted", names, want)
	}
	for _, r := range s.received(versions) {
		if got := r.query["filter"]; !slices.Equal(got, []string{"name = 'x'"}) {
			t.Errorf("filter %q, want the same for each page", got)
		}
	}
}

func TestPages_failing(t *testing.T) {
	const first = `{"registered_models":[{"name":"a"}],"model_versions":[{"name":"a"}],"next_page_token":"two"}`
	for name, test := range map[string]struct {
		second reply
		want   string
	}{
		"a later page":        {reply{400, `{"error_code":"INVALID_PARAMETER_VALUE","message":"bad token"}`}, "bad token"},
		"a page after itself": {reply{200, first}, "MLflow's pages do not end"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, map[string][]reply{
				"GET registered-models/search": {
					{200, first},
					test.second,
				},
				"GET model-versions/search": {{200, first}, test.second},
			})
			models, err := s.client.RegisteredModels(t.Context())
			wantError(t, err, nil, test.want)
			versions, err := s.client.SearchVersions(t.Context(), "")
			wantError(t, err, nil, test.want)
			if models != nil || versions != nil {
				t.Errorf("got %v and %v, want nothing with the error", models, versions)
			}
		})
	}
}

func TestError(t *testing.T) {
	for _, test := range []struct {
		name, contentType, body string
		status                  int
		want                    string
		class                   error
	}{
		{
			"MLflow's", "application/json", `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"Run with id=r not found"}`, 404,
			"MLflow answers 404 RESOURCE_DOES_NOT_EXIST: Run with id=r not found", mlflow.ErrNotExist,
		},
		{
			"name is taken", "application/json",
			`{"error_code":"RESOURCE_ALREADY_EXISTS","message":"taken\n[SQL: INSERT ...]"}`, 400,
			"MLflow answers 400 RESOURCE_ALREADY_EXISTS: taken", mlflow.ErrExists,
		},
		{
			"its framework's", "application/json", `{"detail":"Method Not Allowed"}`, 405,
			"MLflow answers 405 Method Not Allowed", nil,
		},
		{
			"its framework's, structured", "application/json", `{"detail":[{"loc":["body"]}]}`, 422,
			"MLflow answers 422 [map[loc:[body]]]", nil,
		},
		{
			"Host header", "text/plain", "Invalid Host header - possible DNS rebinding attack detected", 403,
			"MLflow answers 403 Invalid Host header - possible DNS rebinding attack detected", nil,
		},
		{
			"another server's 404", "text/html", "<!doctype html>\n<title>404</title>", 404,
			"MLflow answers 404 Not Found", nil,
		},
		{"nothing", "", "", 401, "MLflow answers 401 Unauthorized", nil},
		{
			"long", "text/plain", strings.Repeat("ü", 1000), 400,
			"MLflow answers 400 " + strings.Repeat("ü", 150) + "...", nil,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.contentType)
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			_, err := c.GetRun(t.Context(), "r")
			var answer *mlflow.Error
			if !errors.As(err, &answer) || answer.Status != test.status {
				t.Fatalf("got error %v, want an *Error with status %d", err, test.status)
			}
			if answer.Error() != test.want {
				t.Errorf("got %q, want %q", answer, test.want)
			}
			for _, class := range []error{mlflow.ErrNotExist, mlflow.ErrExists, mlflow.ErrUnavailable} {
				if got := errors.Is(err, class); got != (test.class != nil && errors.Is(class, test.class)) {
					t.Errorf("errors.Is(%v, %v) = %t", err, class, got)
				}
			}
		})
	}
}

func TestURL(t *testing.T) {
	var path, user string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.EscapedPath()
		user, _, _ = r.BasicAuth()
		_, _ = io.WriteString(w, `{}`)
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	for url, want := range map[string]string{
		"http://" + host:                          "",
		"http://" + host + "/":                    "",
		"http://" + host + "/a%20proxy/mlflow/":   "/a%20proxy/mlflow",
		"http://me:secret@" + host + "/x?y=z#top": "/x",
	} {
		c := mlflow.New(mlflow.Options{URL: url, HTTP: server.Client()})
		if err := c.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want += "/api/2.0/mlflow/registered-models/search"; path != want {
			t.Errorf("%s: requested %s, want %s", url, path, want)
		}
	}
	if err := mlflow.New(mlflow.Options{URL: "http://me:secret@" + host}).Check(t.Context()); err != nil || user != "me" {
		t.Errorf("signed in as %q, %v; want me", user, err)
	}
	must(mlflow.New(mlflow.Options{URL: server.URL}).GetLoggedModel(t.Context(), "m-1/../x?"))(t)
	if want := "/api/2.0/mlflow/logged-models/m-1%2F..%2Fx%3F"; path != want {
		t.Errorf("requested %s, want %s", path, want)
	}
}

func TestURL_notValid(t *testing.T) {
	for _, url := range []string{
		"", "localhost:5000", "ftp://me:secret@localhost", "http://", "http://me:secret@host:port", "://",
	} {
		c := mlflow.New(mlflow.Options{URL: url})
		callAll(t.Context(), methods(c), func(m method, err error, _ time.Duration) {
			if err == nil || !strings.Contains(err.Error(), "want http(s)://host:port") ||
				strings.Contains(err.Error(), "secret") {
				t.Errorf("URL %q: %s: got error %v, want one that describes a URL and omits the password", url, m.name, err)
			}
			if errors.Is(err, mlflow.ErrUnavailable) {
				t.Errorf("URL %q: %s: got ErrUnavailable: %v", url, m.name, err)
			}
		})
	}
}

func TestQuote(t *testing.T) {
	for value, want := range map[string]string{
		"": "''", "a": "'a'", "it's": `"it's"`, `say "hi"`: `'say "hi"'`, `a\b`: `'a\b'`, `'"`: "", `\`: "",
	} {
		if got, ok := mlflow.Quote(value); got != want || ok != (want != "") {
			t.Errorf("Quote(%q) = %q, %t; want %q", value, got, ok, want)
		}
	}
}
