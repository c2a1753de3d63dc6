//go:build bench && linux

package bench

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// shots has the figures of wrk.
type shots struct {
	requests int
	rate     float64 // requests a second
	p50, p99 float64 // milliseconds
}

// wrkScript sends a body from a file and prints one line at the end.
const wrkScript = `
local file = assert(io.open(%q, "rb"))
wrk.method, wrk.body = "POST", file:read("*a")
file:close()
wrk.headers["Content-Type"] = "application/json"
function done(summary, latency)
  local e = summary.errors
  print(string.format("MEASURED %%d %%d %%d %%d %%d %%d", summary.requests, summary.duration, e.status,
    e.connect + e.read + e.write + e.timeout, latency:percentile(50), latency:percentile(99)))
end
`

var measuredLine = regexp.MustCompile(`(?m)^MEASURED (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$`)

// needWrk returns the path of wrk, or ends the run before it starts a server.
func needWrk(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("wrk")
	if err != nil {
		t.Fatal("wrk, which sends the requests, is not on PATH: install it (Debian, Ubuntu: apt install wrk)")
	}
	return path
}

// shoot runs wrk for the given time over the given number of connections, which are kept alive. An answer other than a
// 2xx, or a missing answer, ends the test, because wrk counts these as requests too.
func (s *server) shoot(t testing.TB, connections int, length time.Duration) shots {
	t.Helper()
	dir := t.TempDir()
	body, script := filepath.Join(dir, "body.json"), filepath.Join(dir, "post.lua")
	write(t, body, s.body)
	write(t, script, fmt.Appendf(nil, wrkScript, body))
	ctx, cancel := context.WithTimeout(t.Context(), length+2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(
		ctx,
		needWrk(t),
		"-t1",
		"-c"+strconv.Itoa(connections),
		"-d"+strconv.Itoa(int(length.Seconds()))+"s",
		"--timeout",
		"60s",
		"-s",
		script,
		s.url,
	)
	out, err := cmd.CombinedOutput()
	m := measuredLine.FindSubmatch(out)
	if err != nil || m == nil {
		t.Fatalf("wrk on %s: %v\n%s", s.title, err, out)
	}
	var n [6]float64
	for i := range n {
		if n[i], err = strconv.ParseFloat(string(m[i+1]), 64); err != nil {
			t.Fatalf("wrk says %q", m[0])
		}
	}
	if n[2] != 0 || n[3] != 0 || n[0] == 0 {
		t.Fatalf(
			"%s, %d connections: of %.0f requests %.0f got another answer than a 2xx, and %.0f none; its output ends with\n%s",
			s.title,
			connections,
			n[0],
			n[2],
			n[3],
			strings.TrimSpace(s.program.tail()),
		)
	}
	return shots{requests: int(n[0]), rate: n[0] / n[1] * 1e6, p50: n[4] / 1e3, p99: n[5] / 1e3}
}
