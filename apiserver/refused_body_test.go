package apiserver

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// refusedUploads are uploads that every route refuses before it has read the body.
var refusedUploads = []struct{ name, path, contentType, begin, line string }{
	{"a training", "/iris/training", "text/csv", "a,b,species\n", "x,y,z\n"},
	{"a dataset", "/datasets", "text/csv", "a,b,species\n", "1,2,3,4,5\n"},
	{"a batch", "/iris/predict/batch", "text/csv", "a,b\n", "1,2\n"},
	{"a wrong type", "/iris/training", "image/png", "a,b\n", "1,2\n"},
	{"a wrong type of dataset", "/datasets", "image/png", "a,b\n", "1,2\n"},
	{"a wrong type of batch", "/iris/predict/batch", "image/png", "a,b\n", "1,2\n"},
	{"no route", "/nothing/at/all", "text/csv", "a,b\n", "1,2\n"},
	{"a prediction that is too large", "/iris/predict", "application/json", `{"a":"`, "xxxxxxxx"},
	{"a promotion that is too large", "/iris/rollback", "application/json", `{"a":"`, "xxxxxxxx"},
}

// A client that sends the whole body before it reads sees why it was refused, and not a connection that was reset.
func TestRefusedBody_isReadToItsEnd(t *testing.T) {
	a := newAPI(t)
	url, _, _ := run(t, a.Server)
	for _, test := range refusedUploads {
		body := test.begin + strings.Repeat(test.line, 5<<20/len(test.line))
		for framing, header := range map[string]string{
			"a length": fmt.Sprintf("Content-Length: %d\r\n", len(body)),
			"chunks":   "Transfer-Encoding: chunked\r\n",
		} {
			t.Run(test.name+" with "+framing, func(t *testing.T) {
				conn := must(net.Dial("tcp", strings.TrimPrefix(url, "http://")))
				defer conn.Close()
				if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
					t.Fatal(err)
				}
				sent := body
				if framing == "chunks" {
					sent = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
				}
				if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: iris\r\nContent-Type: %s\r\n%s\r\n%s",
					test.path, test.contentType, header, sent); err != nil {
					t.Fatalf("the connection did not take the body: %v", err)
				}
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				if response.StatusCode < 400 || response.StatusCode >= 500 {
					t.Errorf("status %d, want why it was refused", response.StatusCode)
				}
				if _, err := io.ReadAll(response.Body); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// A client that asks before it sends a body gets the final status at once.
func TestRefusedBody_isNotRequested(t *testing.T) {
	a := newAPI(t)
	url, _, _ := run(t, a.Server)
	tests := []struct {
		name, path, contentType string
		status                  int
	}{
		{"a wrong type", "/iris/predict", "image/png", 415},
		{"a malformed type", "/iris/predict", "a/b/c", 415},
		{"an unknown model", "/nosuch/predict", "application/json", 404},
		{"an unknown path", "/nothing/at/all", "application/json", 404},
		{"a wrong method", "/healthz", "application/json", 405},
		{"a training of a wrong type", "/iris/training", "image/png", 415},
		{"a dataset of a wrong type", "/datasets", "image/png", 415},
		{"a batch of a wrong type", "/iris/predict/batch", "image/png", 415},
		{"MLflow's protocol", "/iris/invocations", "image/png", 415},
		{"KServe's protocol", "/v1/models/nosuch:predict", "application/json", 404},
		{"the open inference protocol", "/v2/models/nosuch/infer", "application/json", 404},
		{"a promotion", "/iris/rollback", "image/png", 415},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conn := must(net.Dial("tcp", strings.TrimPrefix(url, "http://")))
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			must(fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: iris\r\nContent-Type: %s\r\nContent-Length: 60\r\n"+
				"Expect: 100-continue\r\n\r\n", test.path, test.contentType))
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != test.status {
				t.Errorf("status %d, want %d at once", response.StatusCode, test.status)
			}
		})
	}
}

// A body that is wanted is requested, and the connection serves the next request.
func TestExpectContinue(t *testing.T) {
	a := newAPI(t)
	url, _, _ := run(t, a.Server)
	conn := must(net.Dial("tcp", strings.TrimPrefix(url, "http://")))
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(conn)
	for range 2 {
		must(fmt.Fprintf(conn, "POST /iris/predict HTTP/1.1\r\nHost: iris\r\nContent-Type: application/json\r\n"+
			"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(setosa)))
		if line := must(from.ReadString('\n')); !strings.Contains(line, "100") {
			t.Fatalf("got %q, want 100 Continue", line)
		}
		must(from.ReadString('\n'))
		must(io.WriteString(conn, setosa))
		response, err := http.ReadResponse(from, nil)
		if err != nil {
			t.Fatal(err)
		}
		must(io.ReadAll(response.Body))
		if response.StatusCode != http.StatusOK {
			t.Errorf("status %d", response.StatusCode)
		}
	}
}
