package chaos

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// predictor asks for predictions all the time, through both APIs in turn. A connection that breaks is tried once more
// at the other API, as a balancer does; an answer that is not 200 is a failure, whoever gives it.
type predictor struct {
	world *world
	model string
	row   string
	want  string // the body of the first answer

	mu     sync.Mutex
	asked  int
	failed []string
}

// rate is the time between two predictions: 50 a second.
const rate = 20 * time.Millisecond

// run asks until ctx ends.
func (p *predictor) run(ctx context.Context) {
	tick := time.NewTicker(rate)
	defer tick.Stop()
	var running sync.WaitGroup
	defer running.Wait()
	for i := 0; ; i++ {
		select {
		case <-tick.C:
			running.Go(func() { p.ask(ctx, i) })
		case <-ctx.Done():
			return
		}
	}
}

func (p *predictor) ask(ctx context.Context, turn int) {
	apis := p.world.apis
	var problem string
	for i := range apis {
		api := apis[(turn+i)%len(apis)]
		header := http.Header{"Content-Type": {"application/json"}}
		r, err := p.world.send(ctx, api, http.MethodPost, "/"+p.model+"/predict", []byte(p.row), header)
		if err != nil {
			problem = err.Error()
			continue
		}
		problem = ""
		if r.status != http.StatusOK {
			problem = fmt.Sprintf("%s answers %d: %s", api.name, r.status, r.body)
		} else if want := p.expect(string(r.body)); want != string(r.body) {
			problem = fmt.Sprintf("%s answers %s, want %s", api.name, r.body, want)
		}
		break
	}
	if ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if problem != "" {
		p.failed = append(p.failed, time.Now().Format(time.TimeOnly)+" "+problem)
	}
}

// expect returns the answer that every prediction must have.
func (p *predictor) expect(body string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.want == "" {
		p.want = body
	}
	return p.want
}

// failures returns how many predictions were made, and those that failed.
func (p *predictor) failures() (asked int, failed []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked, append([]string(nil), p.failed...)
}
