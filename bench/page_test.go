//go:build bench

package bench

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// page is the file to which a run writes its figures. BENCH_PAGE names another one, which is created if it is missing.
const page = "../docs/benchmarks.md"

// writeSection replaces the section of a target, which is between two marker lines.
func writeSection(t *testing.T, target, text string) {
	t.Helper()
	path := cmp.Or(os.Getenv("BENCH_PAGE"), page)
	old, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		old, err = os.ReadFile(page)
	}
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- measured: make "+target+" writes what follows -->\n", "<!-- measured: end -->\n"
	head, rest, found := strings.Cut(string(old), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s lacks the lines %q and %q", path, begin, end)
	}
	if err := os.WriteFile(path, []byte(head+begin+"\n"+text+"\n"+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

// modelsPage returns the section of the learners.
func modelsPage(machine string, sets []measured) string {
	var b bytes.Buffer
	b.WriteString(machine)
	for _, m := range sets {
		m.fits(&b)
	}
	rows(&b, sets)
	return b.String()
}

// fits writes the table of a data set.
func (m measured) fits(b *bytes.Buffer) {
	schema := m.data.table.Schema
	fmt.Fprintf(
		b,
		"\n### %s: %d rows, %d features, %d classes\n\n",
		m.data.name,
		m.data.table.Rows(),
		len(schema.Features),
		len(schema.Classes),
	)
	fmt.Fprintln(
		b,
		"| ours | peer | its threads | fits ours / peer | accuracy ours / peer | log loss ours / peer "+
			"| fit, ms, ours / peer | ratio |",
	)
	fmt.Fprintln(b, "| --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, r := range m.results {
		for i, p := range r.peers {
			ours, theirs := median(r.ours.seconds), median(p.seconds)
			fmt.Fprintf(b, "| `%s` | %s | %d | %d / %d | %.4f / %.4f | %.4f / %.4f | %s / %s | %.2f |\n",
				r.title, r.contest.peers[i].name, p.threads, m.fitted(r.ours), m.fitted(p), mean(r.ours.accuracy), mean(p.accuracy),
				mean(r.ours.logLoss), mean(p.logLoss), milliseconds(ours), milliseconds(theirs), ours/theirs)
		}
	}
}

// fitted returns the number of timed fits of a side.
func (m measured) fitted(s side) int {
	n := 0
	for round := range s.seconds {
		n += len(m.plan.of(round))
	}
	return n
}

// rows writes the table of single rows.
func rows(b *bytes.Buffer, sets []measured) {
	fmt.Fprint(b, "\n### A prediction, and the memory of a fit\n\n")
	fmt.Fprintln(
		b,
		"| data | ours | one row, ns | allocations | a fit allocates in all, MB | a process that fits holds at most, MB |",
	)
	fmt.Fprintln(b, "| --- | --- | --- | --- | --- | --- |")
	for _, m := range sets {
		for _, r := range m.results {
			fmt.Fprintf(
				b,
				"| %s | `%s` | %.0f | %d | %.1f | %.0f |\n",
				m.data.name,
				r.title,
				perRow(r.row),
				r.row.AllocsPerOp(),
				float64(r.memory)/1e6,
				float64(r.peak)/1e6,
			)
		}
	}
}

// machine returns a table with the machine and the versions of a run.
func machine(t *testing.T, versions map[string]string) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "| | |\n| --- | --- |\n| date | %s |\n", time.Now().UTC().Format(time.DateOnly))
	fmt.Fprintf(&b, "| processor | %s, %d cores, %d of them used |\n",
		firstMatch("/proc/cpuinfo", `(?m)^model name\s*: (.+)$`, runtime.GOARCH), runtime.NumCPU(), runtime.GOMAXPROCS(0))
	fmt.Fprintf(
		&b,
		"| system | %s, %s/%s |\n",
		firstMatch("/etc/os-release", `(?m)^PRETTY_NAME="(.+)"$`, runtime.GOOS),
		runtime.GOOS,
		runtime.GOARCH,
	)
	fmt.Fprintf(&b, "| ours | %s |\n", strings.Replace(runtime.Version(), "go", "Go ", 1))
	names := make([]string, 0, len(versions))
	for name, version := range versions {
		names = append(names, name+" "+version)
	}
	slices.Sort(names)
	fmt.Fprintf(&b, "| peers | %s |\n", strings.Join(names, ", "))
	return b.String()
}

// firstMatch returns the first group of a pattern in a file, or other if the file does not match.
func firstMatch(path, pattern, other string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return other
	}
	if m := regexp.MustCompile(pattern).FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return other
}

// milliseconds formats a time with at least three digits.
func milliseconds(seconds float64) string {
	ms := seconds * 1e3
	switch {
	case ms < 1:
		return fmt.Sprintf("%.3f", ms)
	case ms < 10:
		return fmt.Sprintf("%.2f", ms)
	case ms < 100:
		return fmt.Sprintf("%.1f", ms)
	}
	return fmt.Sprintf("%.0f", ms)
}

func perRow(r testing.BenchmarkResult) float64 { return float64(r.T.Nanoseconds()) / float64(r.N) }

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// median returns the middle value, or the lower one of two.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}
