//go:build bench

package bench

import (
	"bufio"
	"bytes"
	_ "embed" // peer.py
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

//go:embed peer.py
var script string

// process is a running peer.py or batch_peer.py.
type process struct {
	versions map[string]string // of Python and its packages
	in       io.Writer
	out      *bufio.Reader
	errors   *bytes.Buffer // its stderr; read it only after the process has ended
}

// request is a line for peer.py. The answer has a value for each fold, and scores only if Score is set.
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

// startPeers starts peer.py and waits until it has generated its data. It ends with the test.
func startPeers(t *testing.T, python, dir string) *process {
	t.Helper()
	return startScript(t, python, script, dir)
}

// startScript starts a Python program that prints its versions as one line and then answers lines. It ends with the
// test.
func startScript(t *testing.T, python, script string, arguments ...string) *process {
	t.Helper()
	n := strconv.Itoa(threads)
	cmd := exec.Command(
		python,
		append(
			[]string{"-c", script},
			arguments...)...) // not CommandContext: the context of the test ends before its cleanups
	cmd.Env = append([]string{"OMP_NUM_THREADS=" + n, "OPENBLAS_NUM_THREADS=" + n}, os.Environ()...)
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
			t.Errorf("the Python program: %v\n%s", err, p.errors)
		}
	})
	p.in, p.out = in, bufio.NewReader(out)
	p.read(t, &p.versions)
	return p
}

// fit makes a peer fit.
func (p *process) fit(t *testing.T, r request) answer {
	t.Helper()
	p.send(t, r)
	var a answer
	p.read(t, &a)
	return a
}

// send writes a request as one line.
func (p *process) send(t *testing.T, v any) {
	t.Helper()
	line, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		t.Fatalf("ask the Python program: %v", err)
	}
}

// read decodes the next line.
func (p *process) read(t *testing.T, v any) {
	t.Helper()
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("read from the Python program: %v", err)
	}
	if err := json.Unmarshal(line, v); err != nil {
		t.Fatalf("the Python program says %q: %v", line, err)
	}
}
