package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"iris/internal/objstore"
	"iris/internal/testenv"
)

// The API streams a dataset of 1 GiB: it holds it neither in memory nor in a temporary file. The API is the real binary
// in its own process, so that its memory can be measured. (The peak of a process is read as Linux reports it.)
func TestUpload_oneGiB(t *testing.T) {
	s := connect(t)
	temp := t.TempDir()
	api := startBinary(t, s, temp)

	eventually(t, "the API to load the champions", func() bool {
		ready, _ := readyz(strings.TrimPrefix(api.url, "http://"))
		return ready.Dependencies["mlflow"] == "ok"
	})
	before := peakMemory(t, api.pid)

	const size = 1 << 30
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, api.url+"/big/training", bigCSV(size))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "text/csv")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusAccepted {
		t.Fatalf("status %d (%v), want 202: %s", response.StatusCode, err, answer)
	}
	if more := peakMemory(t, api.pid) - before; more > 64<<20 {
		t.Errorf("the upload took %d MB of memory, want at most 64", more>>20)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("files in the temporary folder: %v (%v), want none", left, err)
	}
	uploads, err := s.Store.List(t.Context(), bucket, objstore.UploadsPrefix)
	if err != nil || len(uploads) > 0 {
		t.Errorf("left behind: %v (%v), want nothing", uploads, err)
	}
	kept, err := s.Store.List(t.Context(), bucket, "datasets/")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, ref := range kept {
		if ref.Size == size {
			found = true
			if err := s.Store.Delete(t.Context(), ref.Bucket, ref.Key); err != nil { // frees a gigabyte
				t.Error(err)
			}
		}
	}
	if !found {
		t.Errorf("no dataset of %d bytes among %v", size, kept)
	}
}

// bigCSV returns a good dataset of exactly size bytes, generated while it is read.
func bigCSV(size int) io.Reader {
	const header = "a,b,c,d,class\n"
	block := strings.Repeat("1.25,-3.5,0.001,42,left\n7.5,2.25,1e-3,43,right\n", 1024)
	blocks := (size - len(header) - len("1,2,3,4,left\n")) / len(block)
	rest := size - len(header) - blocks*len(block)
	last := "1,2,3,4,left\n"
	last = strings.Repeat("0", rest-len(last)) + last // leading zeros fill the rest
	return io.MultiReader(strings.NewReader(header), &repeat{block: block, left: blocks}, strings.NewReader(last))
}

// repeat is a reader that repeats a block.
type repeat struct {
	block string
	left  int
	at    int
}

// Read reads the next bytes of the blocks.
func (r *repeat) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.block[r.at:])
	if r.at += n; r.at == len(r.block) {
		r.at = 0
		r.left--
	}
	return n, nil
}

// binary is an API in its own process.
type binary struct {
	url string
	pid int
}

func startBinary(t *testing.T, s *iris, temp string) binary {
	t.Helper()
	program := buildIris(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	command := exec.CommandContext(ctx, program, "apiserver")
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.Env = s.environment(temp, "IRIS_LISTEN="+address, "IRIS_GRPC_LISTEN=")
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = command.Wait() // the error says that it was cancelled
		if code := command.ProcessState.ExitCode(); code != 0 {
			t.Errorf("the API ended with status %d after SIGTERM, want 0", code)
		}
	})
	api := binary{url: "http://" + address, pid: command.Process.Pid}
	eventually(t, "the API to answer", func() bool {
		response, err := http.Get(api.url + "/healthz") //nolint:noctx // loopback, and eventually has the deadline
		return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
	})
	return api
}

// buildIris builds the binary as a release does.
func buildIris(t *testing.T) (program string) {
	t.Helper()
	root, err := testenv.Root()
	if err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(t.TempDir(), "iris")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/iris")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// environment returns the environment of a process that writes only to the folder home.
func (s *iris) environment(home string, more ...string) []string {
	return append([]string{
		"TMPDIR=" + home,
		"HOME=" + home,
		"TEMPORAL_ADDRESS=" + s.addresses.Temporal,
		"S3_ENDPOINT=" + s.addresses.S3,
		"S3_ACCESS_KEY=" + s.addresses.S3AccessKey,
		"S3_SECRET_KEY=" + s.addresses.S3SecretKey,
		"MLFLOW_TRACKING_URI=" + s.addresses.MLflow,
	}, more...)
}

// peakMemory returns the peak resident memory of a process, in bytes.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if kilobytes, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(kilobytes), " kB"))
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatal("no VmHWM in the status of the process")
	return 0
}
