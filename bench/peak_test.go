//go:build bench

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"

	"iris/model"
)

// fitRequest is the variable that holds an alone as JSON.
const fitRequest = "IRIS_BENCH_FIT"

// alone is a fit for a process that does nothing else: the first fold of a data set in a folder.
type alone struct{ Dir, Data, Title string }

// peakOfFit returns the peak bytes of a process that fits, with its data, or 0 if the system does not report them.
func peakOfFit(t *testing.T, dir string, d data, c contest) int64 {
	t.Helper()
	request, err := json.Marshal(alone{dir, d.name, c.title})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fitRequest+"="+string(request))
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("fit %s on %s alone: %v\n%s", c.title, d.name, err, complaints.Bytes())
	}
	peak, err := strconv.ParseInt(string(bytes.TrimSpace(out)), 10, 64)
	if err != nil {
		t.Fatalf("fit %s on %s alone: %v", c.title, d.name, err)
	}
	return peak
}

// fitAlone runs in that process. It returns the memory for reading the data to the system before it fits.
func fitAlone(request string) error {
	runtime.GOMAXPROCS(threads)
	var r alone
	if err := json.Unmarshal([]byte(request), &r); err != nil {
		return err
	}
	d, err := read(r.Dir, r.Data)
	if err != nil {
		return err
	}
	train := d.folds[0].train
	d = data{}
	all := contests(r.Data)
	i := slices.IndexFunc(all, func(c contest) bool { return c.title == r.Title })
	if i < 0 {
		return fmt.Errorf("no contest %q", r.Title)
	}
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // resets the peak on Linux
	m, err := model.Train(context.Background(), train, all[i].spec(), nil)
	if err != nil {
		return err
	}
	fmt.Println(ownPeak())
	runtime.KeepAlive(m)
	return nil
}

// ownPeak returns the peak memory of this process, or 0 if the system does not report it.
func ownPeak() int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	m := regexp.MustCompile(`VmHWM:\s*(\d+) kB`).FindSubmatch(text)
	if m == nil {
		return 0
	}
	kilobytes, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		return 0
	}
	return kilobytes << 10
}
