package chaos

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"

	"iris/internal/objstore"
)

// observe reads what a task left, directly from the dependencies.
func (t *task) observe(ctx context.Context) (observation, error) {
	o := observation{
		State: t.status.State, Error: string(t.status.Error), Outcome: outcome(t.status.Result),
		Accepted: len(t.ids), NotFound: t.notFound,
	}
	experiment, runs, err := t.observeRuns(ctx, &o)
	if err == nil {
		err = t.observeLogged(ctx, experiment, &o)
	}
	if err == nil {
		err = t.observeRegistry(ctx, &o)
	}
	if err == nil {
		err = t.observeObjects(ctx, experiment, runs, &o)
	}
	return o, err
}

func (t *task) observeRuns(ctx context.Context, o *observation) (experiment string, runs []string, err error) {
	var found struct {
		Experiment struct {
			ID string `json:"experiment_id"`
		} `json:"experiment"`
	}
	err = t.world.mlflow(ctx, http.MethodGet, "experiments/get-by-name?experiment_name="+t.model, nil, &found)
	if errors.Is(err, errNone) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	experiment = found.Experiment.ID
	var answer struct {
		Runs []struct {
			Info struct {
				ID     string `json:"run_id"`
				Status string `json:"status"`
			} `json:"info"`
			Data struct {
				Metrics []struct {
					Key string `json:"key"`
				} `json:"metrics"`
			} `json:"data"`
		} `json:"runs"`
	}
	body := map[string]any{"experiment_ids": []string{experiment}, "max_results": 1000}
	if err = t.world.mlflow(ctx, http.MethodPost, "runs/search", body, &answer); err != nil {
		return "", nil, err
	}
	o.Runs = map[string]int{}
	for _, run := range answer.Runs {
		o.Runs[run.Info.Status]++
		runs = append(runs, run.Info.ID)
		for _, m := range run.Data.Metrics {
			if m.Key != "loss" {
				continue
			}
			n, err := t.world.repeated(ctx, run.Info.ID, m.Key)
			if err != nil {
				return "", nil, err
			}
			o.Repeated += n
		}
	}
	return experiment, runs, nil
}

// repeated returns how many points of a metric have a step that another point has.
func (w *world) repeated(ctx context.Context, run, metric string) (int, error) {
	var answer struct {
		Metrics []struct {
			Step json.Number `json:"step"`
		} `json:"metrics"`
	}
	path := "metrics/get-history?max_results=25000&run_id=" + run + "&metric_key=" + metric
	if err := w.mlflow(ctx, http.MethodGet, path, nil, &answer); err != nil {
		return 0, err
	}
	steps := map[json.Number]bool{}
	for _, m := range answer.Metrics {
		steps[m.Step] = true
	}
	return len(answer.Metrics) - len(steps), nil
}

func (t *task) observeLogged(ctx context.Context, experiment string, o *observation) error {
	o.Logged = map[string]int{}
	if experiment == "" {
		return nil
	}
	var answer struct {
		Models []struct {
			Info struct {
				Status string `json:"status"`
			} `json:"info"`
		} `json:"models"`
	}
	body := map[string]any{"experiment_ids": []string{experiment}, "max_results": 100}
	if err := t.world.mlflow(ctx, http.MethodPost, "logged-models/search", body, &answer); err != nil {
		return err
	}
	for _, m := range answer.Models {
		o.Logged[m.Info.Status]++
	}
	return nil
}

func (t *task) observeRegistry(ctx context.Context, o *observation) error {
	var versions struct {
		Versions []struct {
			Version string `json:"version"`
		} `json:"model_versions"`
	}
	path := "model-versions/search?max_results=1000&filter=name%3D%27" + t.model + "%27"
	if err := t.world.mlflow(ctx, http.MethodGet, path, nil, &versions); err != nil {
		return err
	}
	o.Versions = len(versions.Versions)
	var alias struct {
		Version struct {
			Version string `json:"version"`
		} `json:"model_version"`
	}
	err := t.world.mlflow(ctx, http.MethodGet, "registered-models/alias?name="+t.model+"&alias=champion", nil, &alias)
	if err != nil && !errors.Is(err, errNone) {
		return err
	}
	o.Champion = alias.Version.Version
	return nil
}

// observeObjects lists the objects of both buckets that belong to the task, and reads those whose bytes count.
func (t *task) observeObjects(ctx context.Context, experiment string, runs []string, o *observation) error {
	o.Objects = map[string]int{}
	expiring, err := t.world.expiring(ctx)
	if err != nil {
		return err
	}
	for info := range t.world.s3.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true}) {
		if info.Err != nil {
			return info.Err
		}
		if !t.owns(info.Key, runs) || t.passing(info.Key, expiring) {
			continue
		}
		o.Objects[t.plainKey(info.Key, runs)]++
		if err := t.read(ctx, info.Key, o); err != nil {
			return err
		}
	}
	if err := t.artifacts(ctx, experiment, runs, o); err != nil {
		return err
	}
	for info := range t.world.s3.ListIncompleteUploads(ctx, bucket, "", true) {
		if info.Err != nil {
			return info.Err
		}
		if t.owns(info.Key, runs) {
			o.Uploads++
		}
	}
	return nil
}

// expiring returns the prefixes of the objects that the store itself removes after some days.
func (w *world) expiring(ctx context.Context) ([]string, error) {
	rules, err := w.s3.GetBucketLifecycle(ctx, bucket)
	if err != nil {
		return nil, err
	}
	var prefixes []string
	for _, rule := range rules.Rules {
		if rule.Expiration.Days > 0 && rule.Status == "Enabled" {
			prefixes = append(prefixes, rule.RuleFilter.Prefix)
		}
	}
	return prefixes, nil
}

// passing reports whether the object at a key goes by itself: it expires, and is the upload of a dataset or the rows of
// a batch that no API has accepted; or it is the trace of an accepted task, which its final status replaces.
func (t *task) passing(key string, expiring []string) bool {
	if strings.HasPrefix(key, objstore.AcceptedPrefix) {
		return true
	}
	named := func(id string) bool { return strings.Contains(key, id) }
	prefixed := func(prefix string) bool { return prefix != "" && strings.HasPrefix(key, prefix) }
	return slices.ContainsFunc(expiring, prefixed) &&
		(strings.HasPrefix(key, objstore.UploadsPrefix) || !slices.ContainsFunc(t.ids, named))
}

// artifacts lists the artifacts of MLflow, and takes the hash of the model.
func (t *task) artifacts(ctx context.Context, experiment string, runs []string, o *observation) error {
	if experiment == "" {
		return nil
	}
	list := minio.ListObjectsOptions{Prefix: experiment + "/", Recursive: true}
	for info := range t.world.s3.ListObjects(ctx, artifacts, list) {
		if info.Err != nil {
			return info.Err
		}
		o.Objects["mlflow/"+t.plainKey(strings.TrimPrefix(info.Key, experiment+"/"), runs)]++
		if t.work == batch || !strings.HasSuffix(info.Key, "/model.json") {
			continue
		}
		data, err := t.world.object(ctx, artifacts, info.Key)
		if err != nil {
			return err
		}
		o.output(t.hash(hexID.ReplaceAll(data, []byte("ID")))) // a model contains its own hash
	}
	return nil
}

// read takes the parts of an observation that are in objects of Iris.
func (t *task) read(ctx context.Context, key string, o *observation) error {
	isOutput := t.work == batch && strings.HasSuffix(key, "/output.csv")
	isHistory := strings.Contains(key, "/history/")
	if !isOutput && !isHistory {
		return nil
	}
	data, err := t.world.object(ctx, bucket, key)
	if err != nil {
		return err
	}
	if isOutput {
		o.output(t.hash(data))
		return nil
	}
	var entry struct{ From, To string }
	if err := json.Unmarshal(data, &entry); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	o.History = append(o.History, entry.From+"→"+entry.To)
	return nil
}

// output adds a hash. Models are listed in the order of their random ids.
func (o *observation) output(hash string) {
	hashes := append(strings.Fields(o.Output), hash)
	slices.Sort(hashes)
	o.Output = strings.Join(hashes, " ")
}

// hash is that of the bytes with the name of the model replaced.
func (t *task) hash(data []byte) string {
	sum := sha256.Sum256(bytes.ReplaceAll(data, []byte(t.model), []byte("MODEL")))
	return hex.EncodeToString(sum[:6])
}

func (t *task) owns(key string, runs []string) bool {
	return strings.Contains(key, t.model) || strings.Contains(key, t.digest) ||
		slices.ContainsFunc(runs, func(run string) bool { return strings.Contains(key, run) })
}

var (
	loggedID    = regexp.MustCompile(`m-[0-9a-f]{32}`)
	hexID       = regexp.MustCompile(`[0-9a-f]{16,64}`)
	historyName = regexp.MustCompile(`/history/.*`)
	viewName    = regexp.MustCompile(`/[0-9a-f]+\.json`)
)

// plainKey replaces the ids in a key.
func (t *task) plainKey(key string, runs []string) string {
	for _, id := range t.ids {
		key = strings.ReplaceAll(key, id, "TASK")
	}
	for _, run := range runs {
		key = strings.ReplaceAll(key, run, "RUN")
	}
	key = strings.ReplaceAll(strings.ReplaceAll(key, t.model, "MODEL"), t.digest, "DATASET")
	key = historyName.ReplaceAllString(key, "/history/ENTRY")
	key = viewName.ReplaceAllString(loggedID.ReplaceAllString(key, "LOGGED"), "/VIEW.json")
	return taskSuffix.ReplaceAllString(hexID.ReplaceAllString(key, "ID"), "$1-TASK")
}

// taskSuffix matches the id of another task of the same model, such as the training before a batch.
var taskSuffix = regexp.MustCompile(`((?:training|batch|promotion)-MODEL)-[a-z0-9-]+`)

// object reads an object whole.
func (w *world) object(ctx context.Context, bucket, key string) ([]byte, error) {
	o, err := w.s3.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	defer o.Close() //nolint:errcheck // only read from
	return io.ReadAll(o)
}

// errNone is MLflow's answer that something does not exist.
var errNone = errors.New("does not exist")

// mlflow makes a request to MLflow directly.
func (w *world) mlflow(ctx context.Context, method, path string, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if body == nil {
		data = nil
	}
	r, err := http.NewRequestWithContext(ctx, method, w.addresses.MLflow+"/api/2.0/mlflow/"+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := w.http.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	read, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode == http.StatusNotFound, bytes.Contains(read, []byte("RESOURCE_DOES_NOT_EXIST")),
		bytes.Contains(read, []byte("alias champion not found")):
		return fmt.Errorf("%s %s %w", method, path, errNone)
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s %s: %s %s", method, path, response.Status, read)
	case into == nil:
		return nil
	}
	return json.Unmarshal(read, into)
}
