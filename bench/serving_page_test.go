//go:build bench && linux

package bench

import (
	"fmt"
	"strings"
	"testing"

	"iris/deploy"
)

// servingPage returns the section of a run.
func servingPage(t *testing.T, s *system, r servingRun, arenas []*arena, e extras) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(machine(t, map[string]string{
		"FastAPI": deploy.FastAPIVersion(), "MLServer": deploy.MLServerVersion(), "MLflow": deploy.MLflowVersion(),
		"onnxruntime": versionIn(t, s.paths.FastAPI, "onnxruntime"), "uvicorn": versionIn(t, s.paths.FastAPI, "uvicorn"),
		"Python": pythonVersion(t, s.paths.FastAPI),
	}))
	fmt.Fprintf(&b, "| run | %d rounds, a cell is %.0f s |\n", r.rounds, r.length.Seconds())
	for _, a := range arenas {
		fmt.Fprintf(&b, "\n### Serving: %s\n\n", a.title)
		b.WriteString(
			"| server | connections | requests/s | p50, ms | p99, ms | CPU, ms a request | RSS, MB " +
				"| iris answers … times as many |\n",
		)
		b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- |\n")
		for i, n := range connections {
			for _, v := range a.servers {
				fmt.Fprintf(
					&b,
					"| %s | %d | %.0f | %.3f | %.2f | %.4f | %.0f | %.2f |\n",
					v.title,
					n,
					median(a.of(v, i, func(c cell) float64 { return c.rate })),
					median(a.of(v, i, func(c cell) float64 { return c.p50 })),
					median(a.of(v, i, func(c cell) float64 { return c.p99 })),
					median(a.of(v, i, func(c cell) float64 { return c.cpu })),
					median(a.of(v, i, func(c cell) float64 { return float64(c.rss) / 1e6 })),
					a.ratio(v, i),
				)
			}
		}
	}
	b.WriteString("\n### Serving: starts, memory and a new champion\n\n| | |\n| --- | --- |\n")
	fmt.Fprintf(
		&b,
		"| from the start of `iris apiserver` to its first right prediction, MLflow and MinIO up, median of %d | %.0f ms |\n",
		len(e.first),
		median(e.first),
	)
	fmt.Fprintf(
		&b,
		"| RSS of `iris apiserver` after %d requests, and its peak | %.0f MB, %.0f MB |\n",
		e.requests,
		float64(e.rss)/1e6,
		float64(e.peak)/1e6,
	)
	fmt.Fprintf(
		&b,
		"| from `POST /iris/training` to an answer by the new champion, median of %d | %.2f s |\n",
		len(e.training),
		median(e.training),
	)
	return b.String()
}
