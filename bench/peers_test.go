//go:build bench

package bench

import (
	"bufio"
	"bytes"
	_ "embed" // for the script
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

//go:embed peer.py
var script string

// process is peer.py.
type process struct {
	versions map[string]string // of what it runs on
	in       io.Writer
	out      *bufio.Reader
	errors   *bytes.Buffer // what it wrote to stderr; to be read when it is gone
}

// request is a line for peer.py, answer is what it says to it: a value for each fold, scores only if they were wanted.
type request struct {
	Data    string `json:"data"`
	Peer    string `json:"peer"`
	Threads int    `json:"threads"`
	Folds   []int  `json:"folds"`
	Score   bool   `json:"score"`
}

type answer struct {
	Seconds  []float64 `json:"seconds"`
	Accuracy []float64 `json:"accuracy"`
	LogLoss  []float64 `json:"log_loss"`
}

// startPeers starts peer.py and waits until it has made its data. It ends with the test.
func startPeers(t *testing.T, python, dir string) *process {
	t.Helper()
	n := strconv.Itoa(threads)
	cmd := exec.Command(python, "-c", script, dir) // without the context of the test, which ends before its cleanups
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS="+n, "OPENBLAS_NUM_THREADS="+n)
	p := &process{errors: new(bytes.Buffer)}
	cmd.Stderr = p.errors
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("peer.py: %v\n%s", err, p.errors)
		}
	})
	p.in, p.out = in, bufio.NewReader(out)
	p.read(t, &p.versions)
	return p
}

// fit has a peer fitted.
func (p *process) fit(t *testing.T, r request) answer {
	t.Helper()
	line, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		t.Fatalf("ask peer.py: %v", err)
	}
	var a answer
	p.read(t, &a)
	return a
}

// read decodes the next line.
func (p *process) read(t *testing.T, v any) {
	t.Helper()
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("read from peer.py: %v", err)
	}
	if err := json.Unmarshal(line, v); err != nil {
		t.Fatalf("peer.py says %q: %v", line, err)
	}
}
