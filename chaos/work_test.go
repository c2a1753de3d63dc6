package chaos

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
)

// work is a kind of task, done while a fault happens.
type work string

const (
	train   work = "train"   // one learner
	retrain work = "retrain" // a second version of a model
	auto    work = "auto"    // a training that chooses the learner
	search  work = "search"  // several trials
	batch   work = "batch"   // several shards
)

// task is one task of a case, with the model that is its own.
type task struct {
	world  *world
	work   work
	model  string
	digest string // of the dataset
	data   []byte
	turn   int // which API the client asks first
	ledger *ledger

	ids      []string      // accepted
	accepted chan struct{} // closed when ids is set
	began    time.Time
	ended    time.Time
	status   taskStatus
	notFound int // answers 404 after the task was accepted
}

// newTask prepares a task. Its name is the same for the same random numbers.
func (w *world) newTask(kind work, random *rand.Rand) *task {
	t := &task{world: w, work: kind, turn: random.IntN(2), accepted: make(chan struct{})}
	letters := make([]byte, 10)
	for i := range letters {
		letters[i] = byte('a' + random.IntN(26))
	}
	t.model = "chaos-" + string(letters)
	t.data = dataset(t.model)
	sum := sha256.Sum256(t.data)
	t.digest = hex.EncodeToString(sum[:])
	t.ledger = newLedger(t.model, t.digest)
	return t
}

// rowsOfDataset is small, because a fit need not be long to be disturbed.
const rowsOfDataset = 400

// dataset returns a CSV of two noisy classes. A column with the name of the model makes it a dataset of its own; its
// values are the same for every model.
func dataset(model string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "x,y,%s,side\n", model)
	random := rand.New(rand.NewPCG(7, 11))
	for range rowsOfDataset {
		x, y, noise := random.Float64()*2-1, random.Float64()*2-1, random.NormFloat64()/4
		side := "left"
		if x+y/2+noise > 0 {
			side = "right"
		}
		fmt.Fprintf(&b, "%.4f,%.4f,%.4f,%s\n", x, y, random.Float64(), side)
	}
	return b.Bytes()
}

// Requests of the trainings.
const (
	trainRequest   = `{"algorithm":"logistic_regression","seed":7,"hyperparameters":{"l2":1}}`
	retrainRequest = `{"algorithm":"gaussian_nb","seed":7,"gate":{"tolerance":1,"log_loss_tolerance":100}}`
	autoRequest    = `{"seed":7,"cv_folds":2}`
	searchRequest  = `{"algorithm":"random_forest","seed":7,"cv_folds":2,"search":{"method":"random",` +
		`"metric":"log_loss","budget":4,"space":{"n_trees":{"min":10,"max":30},"min_rows_leaf":{"min":1,"max":9}}}}`
)

// prepare does what must exist before the task, undisturbed: a batch needs a version.
func (t *task) prepare(ctx context.Context) error {
	if t.work != batch && t.work != retrain {
		return nil
	}
	ids, err := t.startTraining(ctx, trainRequest, t.model+"-before")
	if err != nil {
		return err
	}
	if s := t.follow(ctx, ids[0]); s.State != "SUCCESS" {
		return fmt.Errorf("the training before the %s ended as %s %s", t.work, s.State, s.Error)
	}
	t.ledger.reset()
	return nil
}

// start starts the task. It returns after an API has accepted it.
func (t *task) start(ctx context.Context) (err error) {
	t.began = time.Now()
	switch t.work {
	case train:
		t.ids, err = t.startTraining(ctx, trainRequest, t.model)
	case retrain:
		t.ids, err = t.startTraining(ctx, retrainRequest, t.model)
	case auto:
		t.ids, err = t.startTraining(ctx, autoRequest, t.model)
	case search:
		t.ids, err = t.startTraining(ctx, searchRequest, t.model)
	case batch:
		rows := batchRows(t.model)
		t.ids, err = t.world.submit(ctx, t.turn, "/"+t.model+"/predict/batch?key_columns=id", "text/csv", t.model, rows)
	}
	if err == nil {
		close(t.accepted)
	}
	return err
}

// workflowID returns the id of the workflow, once the API has answered with it.
func (t *task) workflowID(ctx context.Context) (string, error) {
	select {
	case <-t.accepted:
		return t.ids[0], nil
	case <-time.After(clientTimeout):
		return "", errors.New("the task has no id yet")
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (t *task) startTraining(ctx context.Context, request, key string) ([]string, error) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	if err := form.SetBoundary("chaos-boundary-" + t.model); err != nil { // a resent body is the same body
		return nil, err
	}
	part, err := form.CreateFormField("request")
	if err == nil {
		_, err = part.Write([]byte(request))
	}
	if err == nil {
		part, err = form.CreateFormFile("file", "data.csv")
	}
	if err == nil {
		_, err = part.Write(t.data)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		return nil, err
	}
	return t.world.submit(ctx, t.turn, "/"+t.model+"/training", form.FormDataContentType(), key, b.Bytes())
}

// Rows of a batch: enough bytes for several shards. The ballast is a column that no model reads.
const (
	rowsOfBatch = 5000
	rowOfBatch  = 1000 // bytes
)

func batchRows(model string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "id,x,y,%s,ballast\n", model)
	random := rand.New(rand.NewPCG(3, 5))
	ballast := strings.Repeat("-", rowOfBatch)
	for i := range rowsOfBatch {
		fmt.Fprintf(&b, "%d,%.4f,%.4f,%.4f,%s\n", i, random.Float64()*2-1, random.Float64()*2-1, random.Float64(), ballast)
	}
	return b.Bytes()
}

// taskLimit is how long a task may take in a disturbed world.
const taskLimit = 4 * time.Minute

// row is a row to predict.
func (t *task) row() string { return fmt.Sprintf(`{"x":0.25,"y":-0.5,%q:0.5}`, t.model) }

// forgotten asks for a task whose workflow was deleted, after a sweep. Temporal deletes it some time after the request.
func (t *task) forgotten(ctx context.Context) {
	const limit = 30 * time.Second
	t.notFound = 0
	_ = t.world.await(ctx, "the deletion", limit, func() bool {
		_, err := t.world.temporal.DescribeWorkflowExecution(ctx, t.ids[0], "")
		var gone *serviceerror.NotFound
		return errors.As(err, &gone)
	})
	if err := t.world.sweep(ctx); err != nil {
		t.world.complain("%v", err)
	}
	s, code := t.world.status(ctx, t.turn, t.ids[0])
	if code == http.StatusNotFound {
		t.notFound = 1
	}
	t.status, t.ended = s, time.Now()
}

// wait follows the task to its end.
func (t *task) wait(ctx context.Context) {
	t.status = t.follow(ctx, t.ids[0])
	t.ended = time.Now()
}

// follow polls until a task has ended, or for taskLimit.
func (t *task) follow(ctx context.Context, id string) (last taskStatus) {
	deadline := time.Now().Add(taskLimit)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		s, code := t.world.status(ctx, t.turn, id)
		switch code {
		case http.StatusNotFound:
			t.notFound++
		case http.StatusOK:
			last = s
			if s.ended() {
				return s
			}
		}
		pause(ctx, 200*time.Millisecond)
	}
	return last
}

// outcome is the part of a result that does not depend on ids and times.
func outcome(result json.RawMessage) string {
	var r struct {
		Version   string             `json:"version"`
		Algorithm string             `json:"algorithm"`
		TrainRows int                `json:"train_rows"`
		Metrics   map[string]float64 `json:"metrics"`
		Gate      struct {
			Decision string `json:"decision"`
		} `json:"gate"`
		Rows    int64 `json:"rows"`
		BadRows int64 `json:"bad_rows"`
		Shards  int   `json:"shards"`
		Search  *struct {
			Done   int `json:"done"`
			Failed int `json:"failed"`
		} `json:"search"`
	}
	if json.Unmarshal(result, &r) != nil {
		return string(result)
	}
	plain, err := json.Marshal(r)
	if err != nil {
		return err.Error()
	}
	return string(plain)
}
