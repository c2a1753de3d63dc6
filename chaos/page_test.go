package chaos

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// summary is a whole run.
type summary struct {
	verdicts []verdict
	seed     uint64
	took     time.Duration
	asked    int // predictions
	failed   int
}

// line counts faults. A fault whose request never came is none.
func (s summary) line() string {
	var n, survived, lost, duplicated, left int
	for _, v := range s.verdicts {
		if !v.hit && v.none() {
			continue
		}
		n++
		if v.none() {
			survived++
		}
		lost += min(1, len(v.lost))
		duplicated += min(1, len(v.duplicated))
		left += min(1, len(v.left))
	}
	return fmt.Sprintf("%d faults, %d survived, %d lost, %d duplicated, %d left behind",
		n, survived, lost, duplicated, left)
}

func (v verdict) String() string {
	return fmt.Sprintf("%s: %s (%s, %s, %s after the fault)",
		v.fault, v.word(), v.object, v.took.Round(100*time.Millisecond), v.recovery.Round(100*time.Millisecond))
}

// word says in short what became of a fault.
func (v verdict) word() string {
	switch {
	case !v.none():
		return v.findings.String()
	case !v.hit:
		return "not reached"
	}
	return "survived, " + v.state
}

// forAWhile is between a fault and how long it lasts.
const forAWhile = ", for "

// The lines of the page between which the table is.
const (
	beginMark = "<!-- measured: make chaos writes what follows -->\n"
	endMark   = "<!-- measured: end -->\n"
)

// write puts the table into a page.
func (s summary) write(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, found := strings.Cut(string(text), beginMark)
	_, tail, closed := strings.Cut(rest, endMark)
	if !found || !closed {
		return fmt.Errorf("%s lacks the lines %q and %q", path, beginMark, endMark)
	}
	return os.WriteFile(path, []byte(head+beginMark+"\n"+s.table()+"\n"+endMark+tail), 0o644)
}

// table is the run as Markdown. Faults whose request never came are not in it.
func (s summary) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "`%s`\n\nSeed %d, on %s, in %s, on %s.\n%d predictions were requested meanwhile, and %d failed.\n\n",
		s.line(), s.seed, time.Now().UTC().Format(time.DateOnly), s.took.Round(time.Second), machine(), s.asked, s.failed)
	b.WriteString("| work | at the request | fault | n | task took | ended after the fault by | verdict |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, v := range s.verdicts {
		if !v.hit && v.none() {
			continue
		}
		fault := string(v.fault.fate)
		if v.rule.lasts > 0 {
			fault += forAWhile + v.rule.lasts.String()
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %.1f s | %.1f s | %s |\n",
			v.fault.work, v.fault.point, fault, v.rule.nth, v.took.Seconds(), v.recovery.Seconds(), cell(v.word()))
	}
	return b.String()
}

// cell is a text that stays in its cell.
func cell(text string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text) }

// machine describes where the run was made.
func machine() string {
	name := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if found := regexp.MustCompile(`(?m)^model name\s*: (.+)$`).FindSubmatch(text); found != nil {
			name = string(found[1])
		}
	}
	return fmt.Sprintf("%s, %d cores, %s, %s", name, runtime.NumCPU(), runtime.GOOS, runtime.Version())
}
