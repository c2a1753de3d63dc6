// Package child runs a function of this program in a child process with a limit of memory, so that running out of it
// ends the function and not its neighbours. The parent calls Command.Run; the hidden command that it starts calls
// Serve. The package does not know what the function does.
//
// The child reads one request as a line of JSON from its standard input, and writes messages as lines of JSON to its
// standard output. The bytes of an Answer's body follow the last line. Standard error is for crashes. The child ends
// when its input does, so it never outlives its parent.
package child

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Command says how to start the child.
type Command struct {
	Path string // of this program
	Args []string
}

// Self returns the command that starts this program with other arguments. On Linux it starts the same program even
// after the file was replaced by another version.
func Self(args ...string) (Command, error) {
	if runtime.GOOS == "linux" {
		return Command{Path: "/proc/self/exe", Args: args}, nil
	}
	path, err := os.Executable()
	return Command{Path: path, Args: args}, err
}

// Answer is what the function returns: a result as JSON, and bytes that may be many.
type Answer struct {
	Result json.RawMessage
	Body   []byte
}

// Failure is an error of the function. The parent and the child agree on the types.
type Failure struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// Error implements error.
func (f *Failure) Error() string { return f.Message }

// ErrMemory marks a child that needed more memory than its limit.
var ErrMemory = errors.New("it needs more memory")

// ErrKilled marks a child that was killed from outside. Linux does that when a container has no memory left.
var ErrKilled = errors.New("its process was killed")

// request is the line that the child reads.
type request struct {
	Memory int64           `json:"memory"` // bytes; 0 sets no limit
	Input  json.RawMessage `json:"input"`
}

// message is a line that the child writes: a step, and at last a result or a failure.
type message struct {
	Step    json.RawMessage `json:"step,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Body    int             `json:"body,omitempty"` // bytes that follow a result
	Failure *Failure        `json:"failure,omitempty"`
}

// Run starts the child, passes the input and waits for the answer. It calls step for every step that the child reports,
// on the calling goroutine. The child may use that many bytes of memory. If ctx ends, Run kills the child and returns
// the error of ctx. Other errors are a *Failure, or wrap ErrMemory or ErrKilled, or describe a crash.
func (c Command) Run(
	ctx context.Context, memory int64, input any, step func(json.RawMessage) error,
) (Answer, error) {
	encoded, err := json.Marshal(input)
	if err != nil {
		return Answer{}, err
	}
	line, err := json.Marshal(request{Memory: memory, Input: encoded})
	if err != nil {
		return Answer{}, err
	}
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.SysProcAttr = attributes()
	crash := new(head)
	cmd.Stderr = crash
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return Answer{}, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return Answer{}, err
	}
	if err := cmd.Start(); err != nil {
		return Answer{}, fmt.Errorf("start a child process: %w", err)
	}
	_, _ = stdin.Write(append(line, '\n')) // a child that is gone has no answer either
	answer, err := receive(bufio.NewReader(stdout), step)
	_ = stdin.Close() // the child ends, whatever it does
	if err != nil {
		_ = cmd.Process.Kill() // it has written something else than an answer, or nobody wants the answer any more
	}
	ended := cmd.Wait()
	var failure *Failure
	switch {
	case ctx.Err() != nil:
		return Answer{}, ctx.Err()
	case err == nil, errors.As(err, &failure):
		return answer, err
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return Answer{}, err
	}
	return Answer{}, why(ended, cmd.ProcessState.ExitCode(), crash.String())
}

// receive reads messages up to the answer. It returns io.EOF or io.ErrUnexpectedEOF if the child ended without one.
func receive(r *bufio.Reader, step func(json.RawMessage) error) (Answer, error) {
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return Answer{}, err
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			return Answer{}, fmt.Errorf("read the answer of a child process: %w", err)
		}
		switch {
		case m.Failure != nil:
			return Answer{}, m.Failure
		case m.Result != nil:
			a := Answer{Result: m.Result, Body: make([]byte, m.Body)}
			_, err := io.ReadFull(r, a.Body)
			return a, err
		case m.Step != nil:
			if err := step(m.Step); err != nil {
				return Answer{}, err
			}
		}
	}
}

// why explains the end of a child that has not answered.
func why(ended error, exitCode int, crash string) error {
	switch {
	case exitCode == exitMemory, ranOut(crash):
		return ErrMemory
	case exitCode == -1 && crash == "":
		return fmt.Errorf("%w: %w", ErrKilled, ended)
	}
	first, _, _ := strings.Cut(crash, "\n")
	return fmt.Errorf("a child process crashed: %w: %s", ended, first)
}

// ranOut reports whether Go's runtime crashed because the system gave it no more memory. Allocations of the runtime's
// own data fail with a signal of the runtime instead of a message, and those of the race detector with its own message.
func ranOut(crash string) bool {
	first, _, _ := strings.Cut(crash, "\n\n")
	return strings.Contains(first, "out of memory") || strings.Contains(first, "cannot allocate memory") ||
		strings.Contains(first, "ThreadSanitizer failed to allocate") ||
		strings.HasPrefix(first, "SIGSEGV") || strings.Contains(first, "unexpected signal during runtime execution")
}

// head keeps the first bytes that are written, which say why a program crashed, and drops the others.
type head struct{ bytes.Buffer }

// maxHead is how much of a crash is kept, in bytes.
const maxHead = 4 << 10

// Write implements io.Writer.
func (h *head) Write(p []byte) (int, error) {
	h.Buffer.Write(p[:min(len(p), maxHead-h.Len())])
	return len(p), nil
}
