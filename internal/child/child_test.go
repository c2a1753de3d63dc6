package child_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"iris/internal/child"
)

// TestMain makes this program its own child.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		if err := child.Serve(os.Stdin, os.Stdout, serve); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// serve does what the input names.
func serve(input json.RawMessage, step func(any) error) (child.Answer, *child.Failure) {
	var what string
	if err := json.Unmarshal(input, &what); err != nil {
		return child.Answer{}, &child.Failure{Type: "Test", Message: err.Error()}
	}
	fail := func(err error) (child.Answer, *child.Failure) {
		return child.Answer{}, &child.Failure{Type: "Test", Message: err.Error()}
	}
	switch what {
	case "answer":
		for i := range 3 {
			if err := step(i); err != nil {
				return fail(err)
			}
		}
		return child.Answer{Result: json.RawMessage(`{"done":true}`), Body: bytes.Repeat([]byte("\n{}"), 100_000)}, nil
	case "fail":
		return fail(errors.New("row 7 is wrong"))
	case "grow":
		var all [][]byte
		for {
			all = append(all, bytes.Repeat([]byte{1}, 1<<20))
			if err := step(len(all)); err != nil {
				return fail(err)
			}
		}
	case "grow at once":
		runtime.KeepAlive(bytes.Repeat([]byte{1}, 4<<30))
	case "crash":
		panic("a defect")
	case "exit":
		os.Exit(7)
	}
	if err := step(os.Getpid()); err != nil { // wait
		return fail(err)
	}
	select {}
}

// run runs a child. The first step that it reports goes to first, if that is set.
func run(
	ctx context.Context,
	t *testing.T,
	memory int64,
	what string,
	first func(step string),
) (child.Answer, []string, error) {
	t.Helper()
	self, err := child.Self("child")
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	answer, err := self.Run(
		ctx,
		memory,
		what,
		func(s json.RawMessage) error {
			if steps = append(steps, string(s)); len(steps) == 1 && first != nil {
				first(steps[0])
			}
			return nil
		},
	)
	return answer, steps, err
}

func TestRun(t *testing.T) {
	answer, steps, err := run(t.Context(), t, 256<<20, "answer", nil)
	if err != nil || string(answer.Result) != `{"done":true}` || strings.Join(steps, " ") != "0 1 2" {
		t.Fatalf("result %s after steps %v: %v", answer.Result, steps, err)
	}
	if !bytes.Equal(answer.Body, bytes.Repeat([]byte("\n{}"), 100_000)) {
		t.Errorf("body of %d bytes, want 300,000", len(answer.Body))
	}
	_, _, err = run(t.Context(), t, 0, "fail", nil)
	var failure *child.Failure
	if !errors.As(err, &failure) || failure.Type != "Test" || failure.Message != "row 7 is wrong" {
		t.Errorf("a function that fails: %v, want its type and message", err)
	}
}

func TestRun_limitsMemory(t *testing.T) {
	for _, what := range []string{"grow", "grow at once"} {
		t.Run(what, func(t *testing.T) {
			// A neighbour runs before, while and after the other runs out of memory.
			ctx, stop := context.WithCancel(t.Context())
			started, neighbour := make(chan string, 1), make(chan error, 1)
			go func() {
				_, _, err := run(ctx, t, 64<<20, "wait", func(pid string) { started <- pid })
				neighbour <- err
			}()
			<-started
			if _, _, err := run(t.Context(), t, 64<<20, what, nil); !errors.Is(err, child.ErrMemory) {
				t.Errorf("a child beyond its limit: %v, want ErrMemory", err)
			}
			select {
			case err := <-neighbour:
				t.Errorf("the neighbour ended: %v", err)
			default:
			}
			stop()
			if err := <-neighbour; !errors.Is(err, context.Canceled) {
				t.Errorf("the neighbour, cancelled: %v", err)
			}
		})
	}
}

func TestRun_saysHowTheChildEnded(t *testing.T) {
	_, _, err := run(t.Context(), t, 0, "crash", nil)
	if err == nil || errors.Is(err, child.ErrMemory) || !strings.Contains(err.Error(), "panic: a defect") {
		t.Errorf("a panic: %v", err)
	}
	_, _, err = run(t.Context(), t, 0, "exit", nil)
	if err == nil || errors.Is(err, child.ErrKilled) || !strings.Contains(err.Error(), "exit status 7") {
		t.Errorf("exit code 7: %v", err)
	}
	_, _, err = run(t.Context(), t, 0, "wait", func(pid string) { kill(t, pid) })
	if !errors.Is(err, child.ErrKilled) {
		t.Errorf("killed: %v, want ErrKilled", err)
	}
	if _, err := (child.Command{Path: "/nonexistent"}).Run(t.Context(), 0, "", nil); err == nil {
		t.Error("a program that does not exist was started")
	}
}

func kill(t *testing.T, pid string) {
	t.Helper()
	var n int
	if _, err := fmt.Sscan(pid, &n); err != nil {
		t.Error(err)
		return
	}
	process, err := os.FindProcess(n)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		t.Error(err)
	}
}

// TestServe_endsWithItsParent closes the input of a child, which happens when the parent dies.
func TestServe_endsWithItsParent(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if ended := orphan(ctx, path); ended == nil || ctx.Err() != nil {
		t.Errorf("the child of a dead parent ended with %v (%v), want exit code 1", ended, ctx.Err())
	}
}

// orphan starts a child that waits, and closes its input.
func orphan(ctx context.Context, path string) error {
	cmd := exec.CommandContext(ctx, path, "child")
	cmd.Stdin = strings.NewReader(`{"input":"wait"}` + "\n")
	return cmd.Run()
}

func TestServe_refusesWhatIsNotARequest(t *testing.T) {
	for _, in := range []string{"", "{}", "nonsense\n"} {
		if err := child.Serve(strings.NewReader(in), new(bytes.Buffer), serve); err == nil {
			t.Errorf("served %q", in)
		}
	}
}
