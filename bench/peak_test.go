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

// fitRequest is the variable with an alone as JSON.
const fitRequest = "IRIS_BENCH_FIT"

// alone names a fit for a process that does nothing else: of the first fold of a data set in a folder.
type alone struct{ Dir, Data, Title string }

// peakOfFit returns the bytes that a process holds at most while it fits, its data included, 0 where the system does
// not
// tell.
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

// fitAlone is that process. The memory that reading the data took is given back before.
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
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // on Linux the peak begins anew
	m, err := model.Train(context.Background(), train, all[i].spec(), nil)
	if err != nil {
		return err
	}
	fmt.Println(ownPeak())
	runtime.KeepAlive(m)
	return nil
}

// ownPeak is the most memory that this process has had, 0 where the system does not tell.
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
