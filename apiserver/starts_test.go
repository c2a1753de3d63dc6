package apiserver

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"iris/apiserver/starts"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/internal/testenv"
	"iris/workflows"
)

// fate is what a wire does with the start of a workflow.
type fate int

const (
	passes    fate = iota
	answered       // the first answer is lost; Temporal answers the second attempt
	lost           // Temporal starts the workflow, and every answer is lost
	held           // Temporal starts the workflow, and nobody hears of it
	late           // Temporal starts the workflow after the API has given up
	slow           // Temporal starts the first workflow when resume is closed
	forbidden      // Temporal refuses
)

// wire is a connection to Temporal. It passes everything but starts.
type wire struct {
	fate   fate
	starts atomic.Int64
	commit chan func() error // starts a workflow that is late
	slowed chan struct{}     // receives when a start is slow
	resume chan struct{}
}

// wireTo returns an API whose starts have a fate, and give up after a second.
func wireTo(t *testing.T, f fate, change ...func(*Options)) (*api, *wire) {
	t.Helper()
	w := theWorld(t)
	x := &wire{fate: f, commit: make(chan func() error, 1), slowed: make(chan struct{}, 1), resume: make(chan struct{})}
	c, err := client.Dial(client.Options{
		HostPort: w.addresses.Temporal, Namespace: w.namespace, Logger: log.NewStructuredLogger(quiet),
		ConnectionOptions: client.ConnectionOptions{
			DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(x.intercept)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	a := newAPI(t, append(change, freshBucket(t), func(o *Options) { o.Temporal = c })...)
	a.startsWith(starts.Options{Temporal: c, Deadline: time.Second})
	return a, x
}

// startsWith gives all resources other options of their starts.
func (a *api) startsWith(o starts.Options) {
	s := starts.New(o)
	a.batches.starts, a.trainings.starts, a.models.starts = s, s, s
}

func (x *wire) intercept(
	ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker,
	options ...grpc.CallOption,
) error {
	if !strings.HasSuffix(method, "/StartWorkflowExecution") {
		return invoke(ctx, method, req, reply, cc, options...)
	}
	first := x.starts.Add(1) == 1
	cut := status.Error(codes.Unavailable, "the connection was cut")
	switch x.fate {
	case forbidden:
		return status.Error(codes.InvalidArgument, "no")
	case late:
		if first {
			x.commit <- func() error {
				return invoke(context.WithoutCancel(ctx), method, req, reply, cc, options...)
			}
		}
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	case held:
		if err := invoke(ctx, method, req, reply, cc, options...); err != nil {
			return err
		}
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	case lost:
		return errors.Join(invoke(ctx, method, req, reply, cc, options...), cut)
	case answered:
		if err := invoke(ctx, method, req, reply, cc, options...); err != nil || !first {
			return err
		}
		return cut
	case slow:
		if first {
			x.slowed <- struct{}{}
			<-x.resume
		}
	}
	return invoke(ctx, method, req, reply, cc, options...)
}

// batchesAndTrainings are requests that start a task, by name.
var batchesAndTrainings = map[string]struct{ path, body, contentType string }{
	"a batch in JSON":     {"/iris/predict/batch", twoRows, "application/json"},
	"a batch of a file":   {"/iris/predict/batch", scoredCSV, "text/csv"},
	"a training":          {"/iris/training", "{}", "application/json"},
	"a training on a CSV": {"/iris/training", trainedCSV, "text/csv"},
}

// scoredCSV has no bad row, and trainedCSV has the schema of iris.
const scoredCSV = "sepal_length,sepal_width,petal_length,petal_width\n5.1,3.5,1.4,0.2\n7,3.2,4.7,1.4\n"

const trainedCSV = "sepal_length,sepal_width,petal_length,petal_width,specie\n" +
	"5.1,3.5,1.4,0.2,setosa\n4.9,3,1.4,0.2,setosa\n7,3.2,4.7,1.4,versicolor\n6.4,3.2,4.5,1.5,versicolor\n" +
	"6.3,3.3,6,2.5,virginica\n5.8,2.7,5.1,1.9,virginica\n"

// mayStartYet checks the answer to a start whose outcome is unknown, and returns the id of the task.
func (a answer) mayStartYet(t *testing.T) (id string) {
	t.Helper()
	p := a.problem(t, http.StatusServiceUnavailable, "may start yet")
	if p.TaskID == "" || !strings.Contains(p.Detail, "/tasks/"+p.TaskID) {
		t.Fatalf("task_id %q, detail %q, want the id of the task in both", p.TaskID, p.Detail)
	}
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	return p.TaskID
}

// succeeds waits until a task has ended, and checks that it succeeded.
func (a *api) succeeds(t *testing.T, id string) {
	t.Helper()
	a.wait(t, id)
	if task := a.getTask(t, id); task.State != workflows.Success {
		t.Errorf("got %+v, want SUCCESS", task)
	}
}

// A start whose answer is lost is found, and the task has its input.
func TestStart_lostAnswer(t *testing.T) {
	for name, request := range batchesAndTrainings {
		for how, f := range map[string]fate{"once": answered, "always": lost, "held back": held} {
			for _, key := range []string{"", "Idempotency-Key: " + testenv.Name()} {
				t.Run(name+", "+how+", "+key, func(t *testing.T) {
					t.Parallel()
					a, _ := wireTo(t, f)
					headers := []string{"Content-Type: " + request.contentType, "X-None: x"}
					if key != "" {
						headers = append(headers, key)
					}
					var accepted Accepted
					a.do(t, "POST", request.path, request.body, headers...).json(t, http.StatusAccepted, &accepted)
					a.succeeds(t, accepted.TaskID)
				})
			}
		}
	}
}

// A start that Temporal has not made when the API looks may be made later. Its input stays.
func TestStart_lateCommit(t *testing.T) {
	for name, request := range batchesAndTrainings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, x := wireTo(t, late)
			id := a.do(t, "POST", request.path, request.body, "Content-Type: "+request.contentType).mayStartYet(t)
			a.do(t, "GET", "/tasks/"+id, nil).problem(t, http.StatusNotFound)
			if err := (<-x.commit)(); err != nil {
				t.Fatal(err)
			}
			a.succeeds(t, id)
		})
	}
}

// With a key, the same request sent again is the task whose start was late, and its rows are stored once more in vain.
func TestStart_resentAfterALateCommit(t *testing.T) {
	for name, request := range batchesAndTrainings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, x := wireTo(t, late)
			headers := []string{"Content-Type: " + request.contentType, "Idempotency-Key: " + testenv.Name()}
			first := a.do(t, "POST", request.path, request.body, headers...).mayStartYet(t)
			if err := (<-x.commit)(); err != nil {
				t.Fatal(err)
			}
			x.fate = passes
			var accepted Accepted
			a.do(t, "POST", request.path, request.body, headers...).json(t, http.StatusAccepted, &accepted)
			if accepted.TaskID != first {
				t.Errorf("task %s, want %s", accepted.TaskID, first)
			}
			a.succeeds(t, first)
		})
	}
}

// While a request with a key is under way, the same one is a 409, also at another API. Afterwards it is the same task.
func TestStart_keyUnderWay(t *testing.T) {
	for name, request := range batchesAndTrainings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, x := wireTo(t, slow)
			other := newAPI(t, func(o *Options) { o.Bucket = a.Bucket })
			send := func(to *api) answer {
				return to.do(t, "POST", request.path, request.body,
					"Content-Type: "+request.contentType, "Idempotency-Key: "+t.Name())
			}
			first := make(chan answer)
			go func() { first <- send(a) }()
			<-x.slowed
			for _, to := range []*api{a, other} {
				got := send(to)
				got.problem(t, http.StatusConflict, "under way")
				if got.header.Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
			}
			close(x.resume)
			var accepted, again Accepted
			(<-first).json(t, http.StatusAccepted, &accepted)
			send(other).json(t, http.StatusAccepted, &again)
			if again.TaskID != accepted.TaskID {
				t.Errorf("sent again it is %s, want %s", again.TaskID, accepted.TaskID)
			}
			if keys := a.keys(t, a.Bucket, objstore.IdempotencyPrefix); len(keys) != 0 {
				t.Errorf("left behind: %v", keys)
			}
		})
	}
}

// A start that Temporal refuses leaves nothing.
func TestStart_refused(t *testing.T) {
	a, _ := wireTo(t, forbidden)
	for name, request := range batchesAndTrainings {
		t.Run(name, func(t *testing.T) {
			a.do(t, "POST", request.path, request.body, "Content-Type: "+request.contentType).
				problem(t, http.StatusInternalServerError)
			a.idle(t)
			for _, prefix := range []string{"batches/", "uploads/"} {
				if keys := a.keys(t, a.Bucket, prefix); len(keys) != 0 {
					t.Errorf("left behind: %v", keys)
				}
			}
		})
	}
}

// Promotions of a model share an id, so one that is found must be that of the request.
func TestStart_promotion(t *testing.T) {
	const name = "ambiguous"
	promotable(t, name)
	t.Run("the answer is lost", func(t *testing.T) {
		a, _ := wireTo(t, held)
		a.promoted(t, name, `{"version":"2","expected_champion":"1"}`).json(t, http.StatusOK, new(Version))
	})
	t.Run("the start is late", func(t *testing.T) {
		a, _ := wireTo(t, late) // the latest promotion is that of another request
		p := a.promoted(t, name, `{"version":"1"}`).problem(t, http.StatusServiceUnavailable, "may start yet")
		if p.TaskID != workflows.PromotionID(name) {
			t.Errorf("task_id %q", p.TaskID)
		}
		champion := must(a.world.registry.Resolve(t.Context(), name, "models:/"+name+"@"+registry.ChampionAlias))
		if champion.Number != "2" {
			t.Errorf("version %s is the champion, want 2", champion.Number)
		}
	})
}

// A client that hangs up does not end a start, so that the rows of a batch that runs are never removed.
func TestStart_clientHangsUp(t *testing.T) {
	a, x := wireTo(t, late)
	ctx, cancel := context.WithCancel(t.Context())
	r := must(http.NewRequestWithContext(ctx, "POST", a.url+"/iris/predict/batch", strings.NewReader(twoRows)))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if response, err := http.DefaultTransport.RoundTrip(r); err == nil {
			_ = response.Body.Close()
		}
	}()
	commit := <-x.commit
	cancel()
	<-done
	a.idle(t)
	if err := commit(); err != nil {
		t.Fatal(err)
	}
	keys := a.keys(t, a.Bucket, "batches/")
	if len(keys) == 0 {
		t.Fatal("the rows of a batch that may run were removed")
	}
	id := strings.Split(keys[0], "/")[1]
	a.succeeds(t, id)
}

// More starts than may wait are turned away at once, and leave nothing.
func TestStart_tooMany(t *testing.T) {
	a, x := wireTo(t, slow)
	a.startsWith(starts.Options{Temporal: a.Options.Temporal, AtOnce: 1, Waiting: 1})
	answers := make(chan answer)
	post := func() { answers <- a.do(t, "POST", "/iris/predict/batch", twoRows) }
	go post()
	<-x.slowed
	const more = 8
	for range more {
		go post()
	}
	for range more - 1 { // one of them waits
		got := <-answers
		got.problem(t, http.StatusTooManyRequests, "nothing was started")
		if got.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	a.do(t, "POST", "/iris/predict/batch", irisCSV, "Content-Type: text/csv").problem(t, http.StatusTooManyRequests)
	if keys := a.keys(t, a.Bucket, "batches/"); len(keys) != 1 {
		t.Errorf("in the store: %v, want the rows of the batch that is being started", keys)
	}
	close(x.resume)
	for range 2 {
		if got := <-answers; got.status != http.StatusAccepted {
			t.Errorf("a start that was admitted: %s", got)
		}
	}
}
